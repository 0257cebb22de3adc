//! Identifiers: 16 bytes (UUIDv7 made from the unit of work's `now`), typed by what they name; and human ticket keys.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::str::FromStr;

use uuid::Uuid;

use super::timestamp::Timestamp;
use super::word::words;

/// The id of a `T`. Ids of different things don't compare or mix.
pub struct Id<T>(Uuid, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// A new id whose leading bits are `now`, so that ids made later sort later (to the millisecond).
    pub fn new(now: Timestamp) -> Self {
        let micros = now.micros().max(0) as u64;
        let time = uuid::Timestamp::from_unix(
            uuid::NoContext,
            micros / 1_000_000,
            (micros % 1_000_000) as u32 * 1_000,
        );
        Self(Uuid::new_v7(time), PhantomData)
    }

    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The 16 bytes, in network order.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// When it was made, to the millisecond; `None`: it doesn't say.
    pub fn made_at(self) -> Option<Timestamp> {
        let (secs, nanos) = self.0.get_timestamp()?.to_unix();
        let micros = i64::try_from(secs).ok()?.checked_mul(1_000_000)?;
        micros
            .checked_add(i64::from(nanos / 1_000))
            .map(Timestamp::from_micros)
    }

    pub fn parse(text: &str) -> Option<Self> {
        Uuid::parse_str(text).ok().map(Self::from_uuid)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names the things that have ids: `ids!(Ticket => TicketId)` makes a marker and its id type.
macro_rules! ids {
    ($($marker:ident => $id:ident),+ $(,)?) => {$(
        #[derive(Debug)]
        pub enum $marker {}
        pub type $id = Id<$marker>;
    )+};
}
ids! {
    TicketMark => TicketId, EntryMark => EntryId, PersonMark => PersonId, ContactMark => ContactId,
    LoginMark => LoginId, SessionMark => SessionId, TokenMark => TokenId, CustomerMark => CustomerId,
    TeamMark => TeamId, ServiceMark => ServiceId, AffectedMark => AffectedId, AttachmentMark => AttachmentId,
    DeliveryMark => DeliveryId, AttemptMark => AttemptId, ViewMark => ViewId,
    AgreementMark => AgreementId, TargetMark => TargetId, CalendarMark => CalendarId, ClockMark => ClockId, HoldMark => HoldId,
    ScheduleMark => ScheduleId, OverrideMark => OverrideId, PolicyMark => PolicyId, RunMark => RunId, PageMark => PageId,
    PageEventMark => PageEventId, ShiftMark => ShiftId, WorkMark => WorkId,
    MailMark => MailId, IntakeAddressMark => IntakeAddressId, RepositoryMark => RepositoryId, PushMark => PushId, CommitMark => CommitId,
    ReportMark => ReportId, MeetingMark => MeetingId, HookMark => HookId, WayMark => WayId, AuditMark => AuditId,
    FreezeMark => FreezeId, PeriodLockMark => PeriodLockId, RecountMark => RecountId, SubjectMark => SubjectId,
    WordingMark => WordingId, DeploymentMark => DeploymentId, DeploymentFactMark => DeploymentFactId, ForgeDeliveryMark => ForgeDeliveryId,
    ApprovalRuleMark => ApprovalRuleId, StandInMark => StandInId, QueuedMark => QueuedId,
}

words! {
    /// The four kinds of ticket.
    pub enum Kind { Incident = "incident", Change = "change", Task = "task", PostMortem = "post_mortem" }
}

impl Kind {
    /// The prefix of its keys, without the hyphen.
    pub const fn prefix(self) -> &'static str {
        match self {
            Kind::Incident => "INC",
            Kind::Change => "CHG",
            Kind::Task => "TSK",
            Kind::PostMortem => "PM",
        }
    }
}

/// A ticket's human key, `INC-12`. Numbers start at 1, have no leading zero and at most nine digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketKey {
    pub kind: Kind,
    pub number: i64,
}

impl fmt::Display for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.kind.prefix(), self.number)
    }
}

impl FromStr for TicketKey {
    type Err = ();

    /// Any case; `inc-12` is read, `INC-012` and `INC-0` are not.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (prefix, digits) = text.split_once('-').ok_or(())?;
        let kind = Kind::ALL
            .iter()
            .copied()
            .find(|kind| kind.prefix().eq_ignore_ascii_case(prefix))
            .ok_or(())?;
        let plain = !digits.is_empty()
            && digits.len() <= 9
            && !digits.starts_with('0')
            && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain {
            return Err(());
        }
        Ok(Self {
            kind,
            number: digits.parse().map_err(|_| ())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_any_case_and_without_leading_zeros() {
        let key: TicketKey = "inc-12".parse().unwrap();
        assert_eq!(key.to_string(), "INC-12");
        for wrong in [
            "INC-012",
            "INC-0",
            "INC-",
            "INC12",
            "ABC-1",
            "INC-1234567890",
            "INC-1x",
        ] {
            assert_eq!(wrong.parse::<TicketKey>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn an_id_says_when_it_was_made_to_the_millisecond() {
        let at = Timestamp::from_micros(1_763_000_000_123_456);
        let id: TicketId = Id::new(at);
        let made = id.made_at().unwrap();
        assert_eq!(made.micros() / 1_000, at.micros() / 1_000);
        // Another kind of UUID doesn't.
        let other = TicketId::parse("67e55044-10b1-426f-9247-bb680e5fe0c8").unwrap();
        assert_eq!(other.made_at(), None);
    }

    #[test]
    fn ids_made_later_sort_later() {
        let early: TicketId = Id::new(Timestamp::from_micros(1_000_000_000_000));
        let late: TicketId = Id::new(Timestamp::from_micros(1_000_000_001_000));
        assert!(early < late);
    }
}
