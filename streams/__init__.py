"""What carries events: Kafka, Faust, the embedded log, files, the clock and the terminal."""
