"""What flows through tocsin: frozen typed events, their ids and the error tree. Imports nothing else of tocsin."""
