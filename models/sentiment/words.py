"""Words that move prices: our own list about markets and crypto, written by hand. Joined words are phrases."""


def _words(text: str) -> list[str]:
    return text.split()


STRONG_UP = _words("""
all-time-high approval approved approves beat beats boom booming breakout bull bullish bull-run
outperform outperformed outperforms rally rallied rallies rallying record-high skyrocket skyrockets soar soared soaring
soars surge surged surges surging triumph
""")

MILD_UP = _words("""
accumulate accumulated accumulating accumulation adopt adopted adopting adoption adopts advance advanced advances
advancing boost boosted boosts buy buying climb climbed climbing climbs confidence confident demand expand expands
expansion gain gained gaining gains green grew grow growing grows growth improve improved improves improving increase
increased increases inflow inflows integrate integrates jump jumped jumps launch launched launches milestone optimism
optimistic partner partners partnership positive profit profitable profits progress rebound rebounded rebounds recover
recovered recovering recovers recovery resilient rise risen rises rising rose stabilise stabilize strength strengthen
strong stronger success successful support supports undervalued upbeat upgrade upgraded upgrades upside uptrend win wins
short-squeeze
""")

STRONG_DOWN = _words("""
bankrupt bankruptcy bear bearish breach breached capitulate capitulated capitulation collapse collapsed collapses
collapsing crash crashed crashes crashing crisis default defaulted defaults depeg depegged depegs drained exploit
exploited exploits fraud fraudulent hack hacked hacker hackers hacks halted halts implode imploded implodes insolvency
insolvent laundering liquidated meltdown panic plummet plummeted plummets plunge plunged plunges plunging ponzi
record-low rug-pull rugged ruined scam scams slump slumped slumps stolen theft tumble tumbled tumbles tumbling
""")

MILD_DOWN = _words("""
allegations alleged ban banned bans complaint concern concerned concerns crackdown cut cuts decline declined declines
declining decrease decreased decreases delay delayed delays delist delisted delisting delists dip dipped dips downgrade
downgraded downgrades downside downtrend drop dropped dropping drops dump dumped dumping dumps fail failed failing fails
failure fall fallen falling falls fear fears fell fined fud inflation investigate investigated investigation
lawsuit lawsuits layoff layoffs liquidation liquidations lose loses losing loss losses lost lower negative outage
outflow outflows overvalued pessimistic probe recession reject rejected rejects resign resigned resigns retreat
retreated risk risks risky sell selling selloff sell-off shutdown sink sinks slid slide slides slow slowdown slowing
struggle struggled struggles struggling subpoena sue sued sues suspend suspended suspends threat uncertain uncertainty
unprofitable volatile warn warned warning warns weak weaken weakened weakness worried worries worry worse worst
worthless
""")

POLARITY: dict[str, float] = {
    **dict.fromkeys(STRONG_UP, 1.0),
    **dict.fromkeys(MILD_UP, 0.5),
    **dict.fromkeys(MILD_DOWN, -0.5),
    **dict.fromkeys(STRONG_DOWN, -1.0),
}

NEGATIONS = frozenset(_words("no not never neither nor without cannot hardly barely nobody nothing denies denied"))

STRENGTH: dict[str, float] = {
    **dict.fromkeys(_words("very extremely hugely sharply massively massive huge sharp steep heavily strongly"), 1.5),
    **dict.fromkeys(_words("slightly somewhat partly marginally modestly modest slight small little briefly"), 0.5),
}

# Function words, by which a language shows.
ENGLISH = frozenset(
    _words("""
the of and to is are was were be been has have had will would can could should this that these those with for from by at
as it its on in not but or if than more after before about over under into out up down says said new a an his her their
our your we you they i he she who what when how why all no so just
""")
)
# Of other languages written in Latin letters, those that are no English words and no names.
FOREIGN = frozenset(
    _words("""
la los un una tras hoy del por para que como está pero más muy sus esta este le du une est pour dans avec sur qui cette
ses aux sont der das und ist nicht ein eine auf für von mit dem auch sich wird nach bei aus il lo gli della delle che
sono nel alla di più uma não hoje caiu em na foi dos das ao mais het een niet zijn wordt ook naar bir ve için ile olarak
daha yang untuk dengan dari ini tidak jest nie się że jak som och att det inte är ett på av
""")
)
