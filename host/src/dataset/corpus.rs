//! The corpus: words and sentence patterns that synthetic text is made of.
//!
//! The words are ours, common and short, so that nearly every vocabulary has most of them whole. In the built-in
//! vocabulary each is one token in every form used here; the lexicon's tests hold it to that, so a word that is not
//! cannot be added. Changing anything here changes the text of every seed.

/// What a word does in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Begins a sentence, so it is capitalised.
    Starter,
    Determiner,
    Adjective,
    Noun,
    Verb,
    Adverb,
    Preposition,
    Conjunction,
    Comma,
    Stop,
}

impl Class {
    /// Every class, in the order of its number.
    pub(super) const ALL: [Self; 10] = [
        Self::Starter,
        Self::Determiner,
        Self::Adjective,
        Self::Noun,
        Self::Verb,
        Self::Adverb,
        Self::Preposition,
        Self::Conjunction,
        Self::Comma,
        Self::Stop,
    ];

    pub(super) fn words(self) -> impl Iterator<Item = &'static str> {
        let words = match self {
            Self::Starter => STARTERS,
            Self::Determiner => DETERMINERS,
            Self::Adjective => ADJECTIVES,
            Self::Noun => NOUNS,
            Self::Verb => VERBS,
            Self::Adverb => ADVERBS,
            Self::Preposition => PREPOSITIONS,
            Self::Conjunction => CONJUNCTIONS,
            Self::Comma => ",",
            Self::Stop => ".",
        };
        words.split_ascii_whitespace()
    }

    /// A space stands before it.
    pub(super) fn is_spaced(self) -> bool {
        !matches!(self, Self::Comma | Self::Stop)
    }
}

/// How a text begins: its first word is an adjective, capitalised. Together the three make texts different from
/// their first words on.
pub(super) const OPENING: [Class; 3] = [Class::Adjective, Class::Noun, Class::Verb];

/// How the sentence that began with the opening goes on.
pub(super) const OPENING_REST: &[Class] = &[
    Class::Determiner,
    Class::Noun,
    Class::Preposition,
    Class::Determiner,
    Class::Adjective,
    Class::Noun,
    Class::Stop,
];

/// Shapes of sentences.
pub(super) const PATTERNS: &[&[Class]] = {
    use Class::{
        Adjective as A, Adverb as R, Comma, Conjunction as C, Determiner as D, Noun as N, Preposition as P,
        Starter as S, Stop, Verb as V,
    };
    &[
        &[S, N, V, D, N, Stop],
        &[S, A, N, V, D, N, P, D, N, Stop],
        &[S, N, P, D, N, V, D, A, N, Stop],
        &[S, N, R, V, D, N, C, D, N, V, D, A, N, Stop],
        &[S, A, N, V, D, N, Comma, C, D, N, R, V, D, N, Stop],
        &[S, N, V, D, A, N, P, D, N, P, D, A, N, Stop],
        &[S, A, A, N, V, D, N, R, Stop],
        &[S, N, C, D, N, V, D, A, N, P, D, N, Comma, P, D, N, Stop],
    ]
};

const STARTERS: &str = "The This That Every Some Each Another Any Our Their His Her Its My Your No One";

const DETERMINERS: &str = "the a this that every some each another any our their his her its my your no \
    one";

const ADJECTIVES: &str = "able active actual alive annual automatic available average aware bad basic \
    beautiful best better big black blue bold brief bright broad broken brown busy cheap chief civil clean \
    clear close cold common complete complex constant cool correct crazy critical cross current daily dark \
    dead deep dense direct dirty double dry due early east easy empty equal exact extra fair false fast \
    fat few final fine firm first fit flat foreign formal former free fresh friendly full funny future \
    glad global gold golden good gray great green half happy hard heavy hidden high holy hot huge human \
    ideal idle initial inner joint just key kind large last late lazy lean left legal light little live \
    local long loose lost low lucky main major many mean medium minor mixed mobile modern native natural \
    near negative new next nice normal north odd official old only open orange original other outer own \
    past patient perfect plain poor popular positive possible present pretty previous prime private proper \
    public pure quick quiet random rapid rare raw ready real recent red regular remote rich right rigid \
    round royal sad safe same secret secure senior separate several sharp short silent silver similar \
    simple single slow small smart smooth social soft solar solid sorry south special square stable still \
    straight strict strong super sure sweet swift tall tiny total true unique upper urban useful valid \
    various visible vital warm weak west wet white whole wide wild wise wrong yellow young";

const NOUNS: &str = "account action air airport amount angle animal answer apple area arm army art article \
    author baby back ball band bank base basket bath battle beach bean bear bed bell bench bird block \
    board boat body bone book border bottle bottom bowl box boy brain branch bread breath bridge brother \
    brush building bus button cable cake camera camp canal candle captain car card castle cat cause center \
    chain chair chapter child choice church circle city class clock cloud club coach coast coat code \
    coffee color column company copper copy corner cost cotton council country county couple course court \
    cover cow craft cream crew crop crowd cup current curve customer dance danger data daughter day deal \
    debt degree desert design desk detail device dinner doctor dog door dream dress drink driver drop dust \
    duty ear earth edge effect egg end engine evening event exit eye face factory family farm farmer \
    father feather field figure file film finger fire fish flag flight floor flower food foot forest form \
    fox frame friend front fruit game garden gas gate gift girl glass goat grain grass ground group guard \
    guest guide gun habit hair hall hammer hand harbor hat head heart heat height hill history hole \
    holiday home honey horse hospital hotel hour house husband ice idea image index iron island item job \
    journey judge juice key king kitchen knife lady lake lamp land language law leader leaf leg lesson \
    letter level library light line lion list lock machine mail man map mark market master match meal meat \
    member message metal method milk mill mind mine minute mirror model moment money monkey month moon \
    morning mother motor mountain mouse mouth movie music nail name neck needle nest net night noise nose \
    note number object ocean office oil orchestra order owner page paint pair palace paper parent park \
    part party path pattern pen people pepper person phone piano picture piece pilot pipe place plan plane \
    planet plant plate player pocket poem poet point police pool port post potato power price prince \
    prison problem product profit queen question race radio rail rain reason record report result rice \
    ring river road rock roof room root rope rose rule salt sample sand scale scene school science screen \
    sea season seat seed shadow shape sheep shelf shell ship shirt shoe shop shoulder side sign signal \
    singer sister size skin sky smoke snow soap soil soldier son song soul sound soup space spoon spring \
    staff stage stair star state station steam steel step stick stock stone store storm story stranger \
    stream street student sugar suit summer sun surface system table tail task tax tea teacher team temple \
    tent test thing thread ticket tiger tool tooth tower town toy track trade train tree trip truck uncle \
    unit valley value vehicle vessel view village voice wall watch water wave week wheel wife wind window \
    wine wing winter wire woman wood word work worker world writer yard year";

const VERBS: &str = "accepted added admired allowed answered asked avoided became began believed blocked \
    bought broke brought built called came carried caught caused changed checked chose claimed cleaned \
    cleared closed collected completed considered controlled cooked copied counted covered created crossed \
    cut delivered described designed discovered divided drank drew drove earned enjoyed entered examined \
    expected explained faced fed felt filled found finished fixed followed forced forgot formed gained \
    gathered gave got guided handed heard held helped hid hit ignored imagined improved invited joined \
    judged kept kicked knew left led lent liked lifted listed lost loved made managed marked measured met \
    missed mixed moved named needed noticed offered opened ordered owned packed painted passed paid placed \
    planned planted played pointed prepared presented pressed protected proved pulled pushed put raised \
    reached read received recorded remembered removed repaired repeated replaced reported rode said saved \
    saw seemed selected sent served set shaped shared showed shut sold solved spent started stopped \
    studied supported taught tested thought threw told took touched traded trained tried turned understood \
    used visited wanted warned washed watched won wore worked wrote";

const ADVERBS: &str = "again almost already also always away badly carefully clearly early easily ever \
    exactly fast finally first gently gladly hardly here indeed just largely later mostly nearly never now \
    often once only perhaps quickly quietly rarely really simply slowly sometimes soon still suddenly then \
    there today together twice usually well yesterday";

const PREPOSITIONS: &str = "about above across after against along among around before behind below \
    beneath beside between beyond by during for from in inside into near of off on onto outside over past \
    through to toward under until upon with within without";

const CONJUNCTIONS: &str = "and but or so yet while because although when where since if unless whereas";
