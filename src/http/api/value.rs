//! How the house's values stand in JSON: instants as RFC 3339 in UTC, ids as their text, closed enums as their word.
//!
//! What can't be read says so by the same problem names as a form would, so that a program hears of the field and of what
//! would be accepted.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use utoipa::openapi::schema::{
    KnownFormat, Object, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::{RefOr, schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::id::{self, Id, Kind, TicketKey};
use crate::domain::timestamp::Timestamp;
use crate::domain::{
    access, approval, change, delivery, settings, severity, standing, ticket, timeline, wording,
};

/// Separates the parts of a coded message on its way through serde, which carries nothing but text.
const MARK: char = '\u{1}';
/// What a value may be found wrong for; `field-<problem>` is the text.
const PROBLEMS: &[&str] = &[
    "unknown-word",
    "not-rfc3339",
    "not-an-id",
    "not-a-key",
    "not-a-number",
    "not-a-flag",
];

/// A serde error that names a problem of the catalogue and its values.
fn refuse<E: de::Error>(problem: &'static str, value: &str, accepted: &str) -> E {
    E::custom(format!(
        "{MARK}{problem}{MARK}{value}{MARK}{accepted}{MARK}"
    ))
}

/// The problem, the value and what would be accepted, if `message` came from `refuse`.
pub fn refused(message: &str) -> Option<(&'static str, String, String)> {
    let mut parts = message.split(MARK).skip(1);
    let (problem, value, accepted) = (parts.next()?, parts.next()?, parts.next()?);
    let problem = PROBLEMS.iter().find(|known| **known == problem)?;
    Some((problem, value.to_owned(), accepted.to_owned()))
}

/// Reads a text and hands it to `read`.
struct Text<T, F>(F, PhantomData<T>);

impl<T, F> Visitor<'_> for Text<T, F>
where
    F: FnOnce(&str) -> Result<T, (&'static str, String)>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.0)(text).map_err(|(problem, accepted)| {
            let shown: String = text.chars().take(80).collect();
            refuse(problem, &shown, &accepted)
        })
    }
}

fn read_text<'de, D: Deserializer<'de>, T>(
    from: D,
    read: impl FnOnce(&str) -> Result<T, (&'static str, String)>,
) -> Result<T, D::Error> {
    from.deserialize_str(Text(read, PhantomData))
}

fn text_schema(format: Option<&str>, about: &str, example: &str) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(about))
        .examples([serde_json::Value::from(example)]);
    if let Some(format) = format {
        object = object.format(Some(SchemaFormat::Custom(format.to_owned())));
    }
    object.into()
}

/// An instant: RFC 3339, written in UTC with `Z`, read with any offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At(pub Timestamp);

impl Serialize for At {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0.rfc3339())
    }
}

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| {
            Timestamp::parse_rfc3339(text)
                .map(At)
                .ok_or(("not-rfc3339", String::new()))
        })
    }
}

impl PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        let about = "An instant, RFC 3339; answers are in UTC with `Z` and at most six decimals.";
        text_schema(Some("date-time"), about, "2026-11-21T03:07:09Z")
    }
}

impl ToSchema for At {
    fn name() -> Cow<'static, str> {
        "Instant".into()
    }
}

/// An instant, or nothing for one that never comes.
pub fn sometime(at: Timestamp) -> Option<At> {
    (at < Timestamp::NEVER).then_some(At(at))
}

/// The id of something without a human key.
pub struct Uid<T>(pub Id<T>);

impl<T> Clone for Uid<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Uid<T> {}

impl<T> fmt::Debug for Uid<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl<T> Serialize for Uid<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de, T> Deserialize<'de> for Uid<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| {
            Id::parse(text).map(Uid).ok_or(("not-an-id", String::new()))
        })
    }
}

impl<T> PartialSchema for Uid<T> {
    fn schema() -> RefOr<Schema> {
        let about = "An id. Ids made later sort later.";
        text_schema(Some("uuid"), about, "019aa4c7-0d3b-7c5e-9f7e-2f1b3c4d5e6f")
    }
}

impl<T> ToSchema for Uid<T> {
    fn name() -> Cow<'static, str> {
        "Id".into()
    }
}

/// Ids by what they name. Aliases without a parameter, so that the document has one schema for all of them.
macro_rules! uids {
    ($($name:ident = $mark:ident),+ $(,)?) => {$(pub type $name = Uid<id::$mark>;)+};
}
uids! {
    PersonUid = PersonMark, ContactUid = ContactMark, CustomerUid = CustomerMark, TeamUid = TeamMark, ServiceUid = ServiceMark,
    TicketUid = TicketMark, TokenUid = TokenMark, ViewUid = ViewMark, HookUid = HookMark, FreezeUid = FreezeMark, DeliveryUid = DeliveryMark,
    CalendarUid = CalendarMark, AgreementUid = AgreementMark, ClockUid = ClockMark, PageUid = PageMark, MailUid = MailMark,
    AttachmentUid = AttachmentMark, OverrideUid = OverrideMark, ScheduleUid = ScheduleMark, PolicyUid = PolicyMark,
    RepositoryUid = RepositoryMark, IntakeAddressUid = IntakeAddressMark, ReportUid = ReportMark, MeetingUid = MeetingMark, AttemptUid = AttemptMark,
    PeriodLockUid = PeriodLockMark, HoldUid = HoldMark, AuditUid = AuditMark,
    RecountUid = RecountMark, WordingUid = WordingMark, DeploymentUid = DeploymentMark, SubjectUid = SubjectMark,
    ApprovalRuleUid = ApprovalRuleMark, StandInUid = StandInMark, QueuedUid = QueuedMark,
}

/// A ticket's human key, `INC-12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub TicketKey);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| {
            text.parse()
                .map(Key)
                .map_err(|()| ("not-a-key", String::new()))
        })
    }
}

impl PartialSchema for Key {
    fn schema() -> RefOr<Schema> {
        text_schema(None, "A ticket's key, as people write it.", "INC-12")
    }
}

impl ToSchema for Key {
    fn name() -> Cow<'static, str> {
        "TicketKey".into()
    }
}

/// A closed enum of the house and its name in the document.
pub trait Closed: FromStr<Err = ()> + Display + Copy + Send + Sync + 'static {
    const NAME: &'static str;
    const WORDS: &'static [Self];
}

macro_rules! closed {
    ($($alias:ident = $type:ty),+ $(,)?) => {$(
        impl Closed for $type {
            const NAME: &'static str = stringify!($alias);
            const WORDS: &'static [Self] = <$type>::ALL;
        }
        pub type $alias = Word<$type>;
    )+};
}
closed! {
    KindWord = Kind, StateWord = ticket::State, OutcomeWord = ticket::Outcome, SeverityWord = severity::Severity,
    PriorityWord = severity::Priority, RiskWord = severity::Risk, IncidentRoleWord = ticket::Role,
    RelationWord = ticket::Relation, WaitingOnWord = ticket::WaitingOn, DoorWord = timeline::Door,
    EntryKindWord = timeline::EntryKind, RoleWord = access::Role, ScopeWord = access::Scope, ReachWord = access::Reach,
    ChannelWord = delivery::Channel, DeliveryKindWord = delivery::DeliveryKind, DeliveryStateWord = delivery::DeliveryState,
    AttemptOutcomeWord = delivery::AttemptOutcome, VerdictWord = change::Verdict, ChangeSortWord = change::Sort,
    LeavesWord = standing::Leaves, SpeakingWord = wording::Speaking, OwnWordsWord = wording::OwnWords,
    WhenFixedWord = settings::WhenFixed, SideWord = approval::Side,
}

/// A word of a closed enum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<T: Closed> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de, T: Closed> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| {
            text.parse().map(Word).map_err(|()| {
                let known: Vec<String> = T::WORDS.iter().map(T::to_string).collect();
                ("unknown-word", known.join(", "))
            })
        })
    }
}

impl<T: Closed> PartialSchema for Word<T> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(T::WORDS.iter().map(T::to_string)))
            .into()
    }
}

impl<T: Closed> ToSchema for Word<T> {
    fn name() -> Cow<'static, str> {
        T::NAME.trim_end_matches("Word").into()
    }
}

/// Several words in a query, separated by commas.
#[derive(Debug, Clone)]
pub struct Words<T>(pub Vec<T>);

impl<'de, T: Closed> Deserialize<'de> for Words<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| {
            let words = text.split(',').map(|word| word.trim().parse());
            words.collect::<Result<_, ()>>().map(Words).map_err(|()| {
                let known: Vec<String> = T::WORDS.iter().map(T::to_string).collect();
                ("unknown-word", known.join(", "))
            })
        })
    }
}

/// A whole number in a query.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub i64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| {
            text.parse()
                .map(Number)
                .map_err(|_| ("not-a-number", String::new()))
        })
    }
}

/// `true` or `false` in a query; `1` and `0` are the same.
#[derive(Debug, Clone, Copy)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read_text(from, |text| match text {
            "true" | "1" => Ok(Flag(true)),
            "false" | "0" => Ok(Flag(false)),
            _ => Err(("not-a-flag", String::new())),
        })
    }
}

/// Tells `null` from absent: `Some(None)` from `None`.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// An object whose values are texts: the facts of an entry.
#[derive(Debug, Clone, Default)]
pub struct Facts(pub timeline::Facts);

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter())
    }
}

impl PartialSchema for Facts {
    fn schema() -> RefOr<Schema> {
        let value = Object::with_type(SchemaType::Type(Type::String));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .additional_properties(Some(schema::AdditionalProperties::RefOr(value.into())))
            .description(Some("Named values; which there are depends on the kind."))
            .into()
    }
}

impl ToSchema for Facts {}

/// A file's bytes, as they are: no JSON.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct Bytes(#[allow(dead_code)] Vec<u8>); // only the document speaks of it

/// Whole numbers in documents that utoipa doesn't know by itself.
pub fn whole_number() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_word_names_the_words_that_would_do() {
        let error = serde_json::from_str::<SeverityWord>("\"sev1\"").unwrap_err();
        let (problem, value, accepted) = refused(&error.to_string()).unwrap();
        assert_eq!((problem, value.as_str()), ("unknown-word", "sev1"));
        assert!(accepted.starts_with("disaster, high"), "{accepted}");
    }

    #[test]
    fn instants_come_with_any_offset_and_leave_in_utc() {
        let at: At = serde_json::from_str("\"2026-11-21T04:07:09+01:00\"").unwrap();
        assert_eq!(
            serde_json::to_string(&at).unwrap(),
            "\"2026-11-21T03:07:09Z\""
        );
        assert!(serde_json::from_str::<At>("\"2026-02-30T00:00:00Z\"").is_err());
    }
}
