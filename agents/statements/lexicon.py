"""Closed word classes that the statement rules lean on. All lower case, straight apostrophes."""


def words(block: str) -> frozenset[str]:
    """The blank-separated words of a block."""
    return frozenset(block.split())


PERSONAL = words("he she they it i we you")
OWN_VOICE = words("i we you one me us")
"""Subjects outside quotation marks that are the writer or the reader: the editor's own words."""

PRONOUNS = PERSONAL | words(
    "who which that others some many most several few both this these those someone everyone nobody"
)
MALE = words("he him his himself")
FEMALE = words("she her hers herself")

DETERMINERS = words(
    "the a an this that these those his her its their our my your some any no each every all both many several another"
)
PREPOSITIONS = words(
    """in on at by for from of with to during after before since until under over about against among through between
    into near outside inside above below beneath beside opposite upon onto
    via despite amid within without across behind beyond following like as per alongside"""
)
CONJUNCTIONS = words(
    """and but or nor yet so because when while if although though after before since where until unless whether
    that whereas as than once"""
)
SUBORDINATORS = words(
    "because when while if although though since where until unless whether whereas than once that which whose"
)
AUXILIARIES = words(
    """has have had is are was were be been being do does did 's 've 'd has have will would shall should can could may
    might must ought having"""
)
MODALS = words("will would shall should can could may might must ought 'll 'd cannot can't")
BE = words("is are was were be been being am isn't aren't wasn't weren't")
NEGATIONS = words(
    """not never n't cannot can't didn't doesn't don't hasn't haven't hadn't won't wouldn't couldn't shouldn't isn't
    wasn't aren't weren't without neither nor hardly barely nobody"""
)
ADVERBS = words(
    """also later then recently repeatedly often once previously further again still just even publicly reportedly never
    not now soon already quickly famously initially originally earlier simply first always apparently openly privately
    flatly bluntly merely only all but nevertheless nonetheless has angrily personally together jointly immediately
    finally subsequently long correctly wrongly falsely loudly proudly clearly specifically explicitly sometimes
    consistently frequently strongly actually separately similarly additionally meanwhile afterwards afterward instead
    too ever since today yesterday sharply formally officially reluctantly half-jokingly pointedly successfully
    both each vehemently strenuously categorically"""
)
TIME_WORDS = words(
    """monday tuesday wednesday thursday friday saturday sunday today yesterday tonight tomorrow recently earlier later
    afterwards afterward previously overnight again"""
)
MONTHS = words(
    """january february march april may june july august september october november december
    jan. feb. mar. apr. jun. jul. aug. sep. sept. oct. nov. dec. jan feb sept oct nov dec"""
)
TIME_NOUNS = words("week month year night morning afternoon evening spring summer autumn fall winter day hour weekend")
TIME_MODIFIERS = words("last this that earlier late early next")

TITLES = words(
    """mr mrs ms miss mx dr prof sir dame lord lady baroness baron gen lt col maj capt sgt cmdr adm sen rep gov rev
    president prime minister vice premier chancellor senator representative congressman congresswoman governor mayor
    secretary ambassador general colonel major captain lieutenant sergeant admiral commander brigadier marshal judge
    justice attorney king queen prince princess pope archbishop bishop cardinal rabbi imam ayatollah sheikh sultan emir
    professor doctor detective inspector superintendent constable chief spokesman spokeswoman spokesperson chairman
    chairwoman director deputy acting former speaker leader minister foreign defence defense interior finance candidate
    nominee coach analyst mp msp md dr. mr. mrs. ms. gen. lt. col. maj. capt. sgt. cmdr. adm. sen. rep. gov. rev. prof.
    st. representative reps. sens. gens. messrs. ex-president then-president co-founder founder ceo pastor father sister
    actor actress singer author host pollster strategist columnist democrat republican us u.s. uk eu un u.n. nato
    lawmaker councillor councilman councilwoman treasurer undersecretary envoy negotiator sheriff taoiseach
    hon spokesmen retired veteran firefighter paramedic nurse surgeon striker goalkeeper midfielder defender winger
    publican baker farmer fisherman engineer guide teacher headteacher driver owner manager boss barrister solicitor
    counsel commodore corporal private cllr insp brig shopkeeper landlord climber pilot sailor defendant"""
)
"""Words that stand before a name and are no part of it."""

HONORIFICS = words("mr mrs ms miss mx dr sir dame mr. mrs. ms. dr. hon and but so the")
MALE_TITLES = words(
    """mr mr. sir lord king prince pope father bishop archbishop cardinal rabbi imam ayatollah sheikh sultan emir
    spokesman chairman congressman councilman actor baron councilman businessman policeman fireman"""
)
FEMALE_TITLES = words(
    """mrs mrs. ms ms. miss dame lady baroness queen princess sister spokeswoman chairwoman congresswoman councilwoman
    actress businesswoman policewoman duchess"""
)
MALE_NAMES = words(
    """james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark
    donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary
    nicholas eric jonathan stephen larry justin scott brandon benjamin samuel frank gregory raymond alexander patrick
    jack dennis jerry tyler aaron jose adam henry nathan peter zachary kyle walter harold jeremy ethan carl keith roger
    gerald christian terry sean arthur austin noah lawrence jesse joe bryan billy jordan albert dylan bruce willie
    gabriel alan juan logan wayne ralph roy eugene randy vincent russell louis philip bobby johnny bradley mohammed
    muhammad ahmed ali hassan hussein ibrahim omar yusuf abdullah mahmoud khalid mike tom bob jim bill dan ben tim ted
    steve matt chris greg jeff ken pete nick rick ron sam tony vladimir sergei dmitry ivan boris igor viktor alexei
    mikhail nikolai emmanuel francois jean pierre hans karl klaus wolfgang giovanni marco paolo carlos luis pedro miguel
    javier diego fernando antonio manuel rafael andrzej piotr hiroshi kenji takeshi wei rajesh narendra sanjay imran
    benny dominic rishi nigel ed graham hugh ian neil simon trevor"""
)
FEMALE_NAMES = words(
    """mary patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty sandra margaret ashley
    kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca sharon laura cynthia dorothy amy
    kathleen angela shirley emma brenda pamela nicole anna samantha katherine christine debra rachel carolyn janet maria
    olivia heather helen catherine diane julie victoria joyce lauren kelly christina ruth joan virginia judith evelyn
    hannah andrea megan cheryl jacqueline madison teresa abigail sophia martha sara gloria janice kathryn ann isabella
    judy charlotte julia grace amber alice jean denise frances danielle marilyn natalie beverly diana brittany theresa
    kayla alexis doris lori tiffany jane kate katie fatima aisha leila maryam zainab nadia irina olga tatiana svetlana
    natalia elena ekaterina marie sophie claire camille ursula angela ingrid astrid giulia francesca lucia carmen ana
    sofia ines priya indira hillary nikki theresa yvette rosa jill"""
)
ORGANISATION_HEADS = words(
    """ministry department government administration police army navy military council committee commission parliament
    congress senate court agency bureau office party campaign union association federation institute foundation
    university college company corporation corp inc ltd bank group organisation organization authority service services
    forces force command embassy league team club network news press post times journal guardian newspaper
    magazine website media television tv radio fm channel broadcaster board house palace kremlin pentagon cabinet
    coalition opposition hospital school church airline airlines airport nato un eu fbi cia nasa who imf opec
    regime treasury watchdog regulator charity nonprofit think-tank center centre society trust fund exchange
    brigade brigades movement front militia guards guard corps state tribunal prosecutors company firm alliance
    statement report letter survey poll study document lawsuit filing memo polls survey spokespeople"""
)
"""Last words of a source that is no person."""

DOCUMENT_HEADS = words(
    """report statement letter survey poll polls study document documents lawsuit filing memo decree indictment
    complaint affidavit"""
)
UNNAMED_HEADS = words(
    """official officials source sources diplomat diplomats aide aides analyst analysts expert experts witness witnesses
    resident residents spokesman spokeswoman spokesperson spokespeople spokesmen adviser advisers advisor advisors
    lawmaker lawmakers officer officers commander commanders soldier soldiers investigator investigators prosecutor
    prosecutors lawyer lawyers attorney attorneys doctor doctors medic medics rescuer rescuers critics critic supporter
    supporters opponents observers economists economist scientists scientist researchers researcher activists activist
    protesters protester politicians politician minister ministers senator senators democrats republicans leaders
    friend friends neighbour neighbours neighbor neighbors relative relatives colleague colleagues people person man
    woman worker workers student students teacher teachers insider insiders strategist strategists allies ally
    authorities campaigners campaigner commentators executives executive employee employees pollsters pollster voters
    voter delegates delegate reporters reporter journalists journalist others guests survivors parents members member
    judge judges detective detectives negotiators negotiator envoy envoys guard organisers organizers passengers fans
    historians historian professor operative operatives lobbyist lobbyists staffer staffers donor donors trader traders
    investor investors farmer farmers pilot pilots"""
    + " who"
)
UNNAMED_MARKS = words("unnamed anonymous unidentified undisclosed")

METONYMS = words(
    """washington moscow beijing london paris berlin tehran brussels kyiv kiev ankara jerusalem riyadh cairo baghdad
    damascus pyongyang seoul tokyo delhi islamabad kabul doha warsaw rome madrid vienna geneva athens ottawa canberra
    russia china iran iraq israel france germany britain turkey ukraine america syria pakistan india japan egypt
    lebanon qatar jordan libya yemen poland hungary italy spain greece canada australia mexico brazil venezuela cuba
    georgia armenia azerbaijan belarus serbia kosovo sudan ethiopia kenya nigeria somalia afghanistan taiwan vietnam
    indonesia malaysia thailand philippines myanmar bangladesh netherlands belgium sweden norway finland denmark ireland
    switzerland austria portugal romania bulgaria colombia argentina chile peru kuwait bahrain oman palestine scotland
    wales kremlin pentagon elysee knesset"""
    + " uk us usa eu un nato u.s. u.k. u.n."
)
MEDIA_HEADS = words(
    """television tv radio media news newspaper newspapers agency outlet outlets channel network broadcaster magazine
    website post times journal guardian telegraph press broadcaster daily tribune herald gazette bbc cnn nbc abc cbs fox
    reuters afp ap tass bloomberg axios politico msnbc npr pbs itv sky xinhua irna isna fars interfax wire
    ria dpa efe kyodo
    yonhap anadolu haaretz aljazeera jazeera dw"""
    + " fm reporters journalists"
)
LABELS = words(
    """analysis live video watch update breaking editorial opinion exclusive poll photos photo gallery pictures listen
    explainer interview comment related correction note source sources caption image more read timeline factbox profile
    review report transcript question answer q a subject date time where when what who why how result results example
    warning summary background context location address price tip ps nb ed editor"""
)
"""Words before a colon that are headings, not speakers."""

NAME_PARTICLES = words("de da del della di al el bin ibn van von der den la le dos du ben abu ter ten st. af zu")
STOP = words(
    "a an the and or but of in on at to for from by with as is was are were be been it its that this he she they"
)
"""Function words that are no content of a quoted fragment."""
