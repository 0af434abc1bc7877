"""Words and shapes by which boilerplate is told from news. Case is ignored where nothing else is said."""

import re

from agents.text.caseless import Caseless

QUOTED = re.compile(r"[“\"][^”\"“]*(?:[”\"]|\Z)|(?<!\w)[‘'][^’'\n]{12,}?[’'](?!\w)")
REPORTED = Caseless(
    r"\b(?:said|says|saying|told|tells|added|adds|wrote|tweeted|posted|claimed|claims|announced|warned|insisted|argued|"
    r"denied|confirmed|reported|alleged|accused|according to|stated|replied|promised|pledged|urged|called|admitted|"
    r"revealed|found|showed|ruled|court|police|prosecutors?|minister|mp|parliament)\b",
)
READER = Caseless(r"\b(?:you|your|yours|you're|you’re|you'll|you’ll|you've|you’ve)\b")
WE = Caseless(r"\b(?:we|our|us|we're|we’re|we've|we’ve|we'll|we’ll)\b")
US_ALONE = re.compile(r"\bUS\b")
ASK = Caseless(
    r"(?:please\s+|so\s+|if you can,?\s+|why not\s+)?(?:support|donate|contribute|give|chip in|help|become|"
    r"consider|join|subscribe|sign up|"
    r"register|back|fund|get|enter|click|tap|follow|download|read|make|stay|take|choose|start|try|log in|leave|"
    r"put|unlock|enjoy|want)\b",
)
PRESS = Caseless(
    r"\b(?:journalis\w+|reporting|reporters?|correspondents?|newsrooms?|editorial(?:ly)?|paywalls?|news (?:outlets?|"
    r"organi[sz]ations?)|coverage|investigations?|investigating|the facts|documentar(?:y|ies)|readers|readership|"
    r"(?:the|this|every|each|a|our) (?:story|stories)|our work|what we do|advertis\w+|press freedom|publishers?|"
    r"(?:proprietors?|shareholders?|billionaire owners?)|free to read|open to all)\b",
)
APPEALS = tuple(
    Caseless(pattern)
    for pattern in (
        r"\byour\s+(?:\w+\s+){0,2}(?:support|donations?|contributions?|generosity|subscription|membership|pledge)\b",
        r"\b(?:support|fund|back|sustain|power|protect|champion|strengthen|keep|enabl)(?:s|ing|ed|"
        r"e)?\s+(?:[\w’'-]+\s+){0,3}"
        r"(?:journalism|journalists|reporting|reporters|newsrooms?|our work|what we do)\b",
        r"\bgive\b.{0,40}(?:[£$€]\s?\d|\bas little as\b|\ba month\b|\bmonthly\b|\bper month\b|\bwhat you can\b)",
        r"\b(?:donate|contribute|chip in|support us|become an?\s+(?:\w+\s+){0,2}(?:members?|supporters?|patrons?))\b"
        r".{0,80}(?:\btoday\b|\bnow\b|\bhere\b|\bus\b|\bour\b|[£$€]\s?\d|\bas little as\b|\ba month\b|\bmonthly\b|"
        r"\bper month\b)",
        r"\b(?:reader|listener|member)[- ](?:funded|supported|owned)\b|\b(?:readers|people|supporters) like you\b",
        r"\b(?:funded|paid for|supported|sustained|kept (?:alive|going|free))\s+(?:entirely\s+|only\s+|"
        r"largely\s+)?by\s+"
        r"(?:(?:our|its|the)\s+)?(?:readers?|those who|people who|supporters|you)\b",
        r"(?:[£$€]\s?\d[\d.,]*|\bas little as\b|\ba few (?:pounds|dollars|euros)|"
        r"the price of a (?:cup of )?coffee).{0,40}"
        r"\b(?:a|per|each|every) (?:month|week|year)\b|\bone-?off (?:gift|contribution|payment)\b",
        r"\b(?:every|any|each) (?:\w+ )?(?:donation|contribution|gift|subscription|membership)\b",
        r"\bmak(?:e|es|ing) (?:all the|a (?:real|huge|big)) difference\b",
    )
)
PRODUCT_STRONG = Caseless(
    r"\b(?:newsletters?|inbox|free trial|unlimited access|push notifications?|breaking news alerts?|email alerts?|"
    r"whatsapp channel|mailing list)\b",
)
PRODUCT = Caseless(
    r"\b(?:e-?mails?|briefings?|alerts?|notifications?|podcasts?|apps?|subscriptions?|subscribe|subscribers?|account|"
    r"register|sign up|signing up|sign in|log in|premium|channel|digest|premium content|offers?|updates)\b",
)
NEWSLETTER = Caseless(
    r"\b(?:sign(?:ing)? up (?:to|for|here|now|today|below)|subscribe (?:to|now|today|here)|delivered (?:straight |"
    r"directly )?to your|"
    r"(?:straight|direct(?:ly)?) (?:in)?to your (?:inbox|phone)|by entering your email|"
    r"turn on (?:push )?notifications|get alerts|"
    r"follow us on|like us on|find us on|download (?:the|our)\b.{0,40}\bapps?|would like to be emailed|"
    r"privacy (?:notice|policy)|"
    r"terms (?:of (?:use|service)|and conditions) apply|already (?:a subscriber|have an account|subscribed)|"
    r"unsubscribe)\b",
)
COMMENTS = Caseless(
    r"\b(?:join (?:the|our)\s+(?:\w+\s+){0,2}(?:conversations?|comment\w*|discussions?|debate|forum|community)|"
    r"comment(?:ing)? (?:forum|section|policy)|"
    r"(?:view|show|post|leave|add|write|see|hide|load|share)\s+(?:(?:all|a|your|more|the|in the|"
    r"\d+)\s+){0,2}comments?|read (?:all |the |more |\d+ )comments?\Z|have your say|"
    r"join (?:[\w-]+ ){0,3}conversations?|comments (?:are|have been|will be) (?:now )?(?:closed|moderated|turned off|"
    r"disabled|subject)|"
    r"in the comments(?: section)?(?: below)?|(?:other|fellow) readers)\b|\Acomments?(?:\s*\(?\d+\)?)?\Z|"
    r"\A\d+ comments?\Z|\Abe the first to comment",
)
RELATED = Caseless(
    r"(?:read (?:more|also|next|the full|now|our|this)|more (?:on this|stories|from|about|like this|coverage|news|"
    r"to read)|related\b|recommended\b|"
    r"you (?:may|might) (?:also )?(?:like|be interested)|most (?:read|popular|viewed|watched|commented|shared)|"
    r"trending\b|see also|don['’]t miss|also (?:read|see)|"
    r"editor['’]?s['’]? picks?|top stories|around the web|what to read|further reading|explore more|popular (?:in|"
    r"on|now)|latest (?:news|stories|videos|headlines)\Z|"
    r"(?:click|tap) here|(?:watch|listen|view|see|find out|learn|discover|continue|keep|swipe)(?: more| now| next|"
    r" below| reading| here| full)?\s*[:>›»→]|"
    r"(?:continue|keep) reading|view (?:gallery|all)|show more|load more|see more|in case you missed it\Z|up next|"
    r"next (?:article|story)|"
    r"(?:read|watch|listen|click|find|see) (?:[\w’',-]+\s+){0,6}here[.:]?\Z|back to (?:top|home))",
)
RELATED_WHOLE = Caseless(
    r"(?:related|recommended|trending)(?:\s+(?:stories|articles|topics|content|links?|videos?|news|reading|"
    r"coverage|for you|now))?\s*:?|"
    r"(?:related|recommended|trending|analysis|explainer|watch|video|opinion|gallery)\s*:\s*\S.{0,160}[^.!]",
)
NETWORK = (
    r"(?:facebook|twitter|x|whatsapp|linkedin|pinterest|reddit|messenger|telegram|flipboard|bluesky|threads|"
    r"e-?mail|copy link|link copied|copied|print|save|share|tweet|bookmark|like|comment|google news)"
)
SHARE = Caseless(
    rf"(?:{NETWORK}(?:\W{{1,3}}{NETWORK})*|\d[\d.,]*\s?[km]?\s+(?:shares?|likes?|views?|retweets?|"
    rf"reposts?|reactions?|repl(?:y|ies)|followers)"
    rf"|(?:share|tweet|pin|save|print|e-?mail|bookmark)\s+(?:this|on|via|with|the)\b.{{0,40}}|"
    rf"share(?: this)? (?:article|story|post|page)\b.{{0,40}}|add as (?:a )?preferred source.{{0,30}})\W*",
)
COOKIES = Caseless(
    r"\b(?:(?:we|site|page|partners|content|it) .{0,60}\buses? cookies|(?:accept|manage|reject|allow|enable|"
    r"use of) (?:all |our )?cookies|cookies? (?:policy|settings|preferences|notice|consent)|"
    r"using cookies and|cookies and other technologies|your consent|manage (?:your )?(?:privacy|consent)|"
    r"to view this content|gdpr|legitimate interest)\b",
)
ADVERT = Caseless(
    r"(?:ad(?:vert(?:isement)?)?s?(?:\s*[-–—:|]?\s*(?:continue reading|scroll|story continues|"
    r"article continues).*)?|sponsored(?: content| by .{1,60})?|promoted(?: content| stories)?|"
    r"paid (?:content|post|partnership|for by .{1,60})|(?:story|article) continues (?:below|after).*|skip (?:past|"
    r"to|ad\b|advert|newsletter).*|remove ads?|after newsletter promotion|"
    r"(?:buy|shop) now.{0,60}|affiliate links?.{0,120}|scroll (?:down )?to continue.*)\W*",
)
LOADING = Caseless(
    r"\b(?:(?:please\s+)?(?:allow|wait|give (?:it|us|this)|bear with|hang on|hold on|one|"
    r"just)\b.{0,20}\b(?:moments?|seconds?|minutes?)\b.{0,60}\b(?:load\w*|refresh\w*|appear\w*|updat\w*|blog|page|"
    r"feed)|"
    r"(?:live\s?blog|blog|page|content|comments?|feed|updates?|video|player|posts?|coverage|map|graphic|"
    r"stream)\b.{0,30}\b(?:to load|loading|loads|is loading|(?:is )?being loaded|will load|not loading|"
    r"refresh(?:es|ing)?|failed to load)|"
    r"refresh (?:the|this|your) (?:page|browser)|(?:blog|page|feed)\b.{0,20}\b(?:updates?|"
    r"refresh(?:es)?) automatically|automatic(?:ally)? (?:updat|refresh)\w*|enable javascript|"
    r"javascript (?:is|must be)|(?:your )?browser (?:does not|doesn['’]t|is not|isn['’]t) support\w*|"
    r"unable to (?:load|play))\b|\Aloading\b.{0,40}\Z",
)
BYLINE = re.compile(
    r"(?:(?:written |reported |edited |posted |words )?[Bb]y:?\s+(?:the\s+)?[A-Z][\w.’'-]*(?:(?:\s+|,\s*|\s+and\s+|"
    r"\s+in\s+|\s*&\s*|\s*\|\s*|\s+for\s+|\s+at\s+)[\w.’'@-]+){0,12}|"
    r"(?:additional )?reporting by .{3,200}|(?:photograph|photo|image|picture|credit|"
    r"source)s?(?: credit)?:\s*.{2,80}|©.{0,100}|copyright .{0,100}|all rights reserved\.?|@\w{2,20})",
)
BYLINE_BY = Caseless(r"(?:written |reported |edited |posted |words )?by\b")
TITLE_CASE = re.compile(
    r"(?:[A-Z][\w.’'-]*|and|in|for|of|the|at|&|\||,|[a-z]+ (?:editor|correspondent|reporter|writer)|(?:political|"
    r"diplomatic|defence|senior|chief|world|foreign|business|news|editor|correspondent|reporter|affairs|security|"
    r"health|home|live|audience|freelance|staff|writer|environment|science|legal|economics))"
)

COOKIE_WORDS = ("cookie", "consent", "privacy", "gdpr", "legitimate interest", "view this content")
LOADING_WORDS = (
    "load",
    "refresh",
    "automatic",
    "javascript",
    "browser",
    "unable to",
    "appear",
    "updat",
    "moment",
    "second",
)
COMMENT_WORDS = ("comment", "say", "conversation", "discussion", "debate", "forum", "community", "readers")
