//! Who may do what: one table of actions and roles, and one function that every action asks.
//!
//! Roles are additive grants, not a ladder: an admin without `responder` administers and doesn't work on tickets. A token is
//! never stronger than its owner. What somebody may not even know of is *hidden* and looks like what doesn't exist.

use super::id::{ContactId, CustomerId, PersonId, RepositoryId, TokenId};
use super::refusal::Refusal;
use super::word::words;

words! {
    /// What a person was granted.
    pub enum Role {
        /// Reads everything staff may read.
        Viewer = "viewer",
        /// Works on tickets, is paged, writes to customers.
        Responder = "responder",
        /// Leads a team: backdates, approves other people's ledger entries, plans shifts.
        Lead = "lead",
        /// Approves changes that others asked for.
        ChangeApprover = "change_approver",
        /// Reads the audit and every ledger, exports evidence.
        Auditor = "auditor",
        /// Keeps people, teams, services, customers and settings.
        Admin = "admin",
    }
}

words! {
    /// What an API token was made for; it can do nothing else, whatever its owner may do.
    pub enum Scope {
        /// Everything its owner may read.
        Read = "read",
        /// Open and work on tickets.
        Tickets = "tickets",
        /// Approve, start and finish changes.
        Changes = "changes",
        /// Ask whether a deployment may begin, and tell how it went: for pipelines.
        Deploy = "deploy",
        /// Schedules, overrides, acknowledging pages.
        Oncall = "oncall",
        /// People, teams, services, customers, agreements, settings.
        Admin = "admin",
        /// Verdicts and hook events of one repository.
        Hook = "hook",
    }
}

/// A set of a closed enum's words, at most 16 of them.
macro_rules! word_set {
    ($(#[$meta:meta])* $set:ident of $word:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
        pub struct $set(u16);

        impl $set {
            pub const NONE: Self = Self(0);

            pub const fn of(words: &[$word]) -> Self {
                let mut bits = 0;
                let mut at = 0;
                while at < words.len() {
                    bits |= 1 << words[at] as u16;
                    at += 1;
                }
                Self(bits)
            }

            pub const fn all() -> Self {
                Self::of($word::ALL)
            }

            pub const fn has(self, word: $word) -> bool {
                self.0 & (1 << word as u16) != 0
            }

            pub const fn has_any(self, others: Self) -> bool {
                self.0 & others.0 != 0
            }

            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            pub fn insert(&mut self, word: $word) {
                self.0 |= 1 << word as u16;
            }

            /// Its words, in the order of declaration.
            pub fn iter(self) -> impl Iterator<Item = $word> {
                $word::ALL.iter().copied().filter(move |word| self.has(*word))
            }
        }

        impl FromIterator<$word> for $set {
            fn from_iter<I: IntoIterator<Item = $word>>(words: I) -> Self {
                let mut set = Self::NONE;
                for word in words {
                    set.insert(word);
                }
                set
            }
        }
    };
}
word_set!(
    /// A person's grants.
    Roles of Role
);
word_set!(
    /// A token's scopes.
    Scopes of Scope
);

/// Who asks, with the powers they had when the request began. A timeline keeps only who it was (`timeline::Actor`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    Person {
        id: PersonId,
        name: String,
        roles: Roles,
    },
    Contact {
        id: ContactId,
        name: String,
        customer: CustomerId,
        reach: Reach,
    },
    /// An API token: acts with its scopes, and with no more than its owner's roles at this moment.
    Token {
        id: TokenId,
        name: String,
        owner: TokenOwner,
        roles: Roles,
        scopes: Scopes,
    },
    /// A job or a rule of ours, by its name.
    System(&'static str),
}

/// To whom a token belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenOwner {
    Person(PersonId),
    /// A machine: its roles were granted to the token itself.
    Service,
    /// A repository's hooks.
    Repository(RepositoryId),
}

words! {
    /// How much of their customer's work a contact sees.
    pub enum Reach {
        /// What they asked for or watch.
        Own = "own",
        /// Everything of their customer that is meant for customers.
        Customer = "customer",
    }
}

impl Principal {
    /// As which person this acts: the person, or the token's owner.
    pub fn person(&self) -> Option<PersonId> {
        match self {
            Principal::Person { id, .. } => Some(*id),
            Principal::Token {
                owner: TokenOwner::Person(id),
                ..
            } => Some(*id),
            Principal::Token { .. } | Principal::Contact { .. } | Principal::System(_) => None,
        }
    }

    pub fn contact(&self) -> Option<ContactId> {
        match self {
            Principal::Contact { id, .. } => Some(*id),
            Principal::Person { .. } | Principal::Token { .. } | Principal::System(_) => None,
        }
    }

    /// The name for timelines and logs at the moment of acting.
    pub fn name(&self) -> &str {
        match self {
            Principal::Person { name, .. }
            | Principal::Contact { name, .. }
            | Principal::Token { name, .. } => name,
            Principal::System(name) => name,
        }
    }

    pub fn is_staff(&self) -> bool {
        matches!(self, Principal::Person { .. } | Principal::Token { .. })
    }
}

words! {
    /// Everything that needs a permission.
    pub enum Action {
        /// See tickets, their timeline and search.
        ReadTickets = "read_tickets",
        /// See teams, people, services, customers, agreements, schedules.
        ReadHouse = "read_house",
        /// Keep filters of the queue under names.
        KeepViews = "keep_views",
        OpenTicket = "open_ticket",
        /// A contact asks for help; whose they are comes from their login. Never staff's: theirs is `OpenTicket`, which names
        /// any customer and shows everybody's names to choose from.
        AskForHelp = "ask_for_help",
        /// A contact writes on their ticket. Not `Reply`: that is staff's, and meets promises.
        Answer = "answer",
        /// Notes, evidence, labels, links, watching, roles, holding, editing: the daily work.
        WorkOnTicket = "work_on_ticket",
        /// Write to the customer.
        Reply = "reply",
        /// Acknowledge, restore, resolve, close, reopen, cancel.
        MoveTicket = "move_ticket",
        /// Say that something happened before now.
        Backdate = "backdate",
        /// Promise a customer's next update for later than was agreed.
        LengthenPromise = "lengthen_promise",
        /// Write to customers in own words also where the house wants a second person for that, and be that person for others.
        SpeakFreely = "speak_freely",
        /// Replace text by a tombstone.
        Redact = "redact",
        PageSomeone = "page_someone",
        AcknowledgePage = "acknowledge_page",
        /// Take a shift or give it away for a while.
        OverrideShift = "override_shift",
        /// Rotations and escalation policies.
        PlanOncall = "plan_oncall",
        /// Ask for, start, finish and revert a change.
        RunChange = "run_change",
        /// Ask whether a deployment may begin, and tell how it went.
        RecordDeployment = "record_deployment",
        /// Approve a change that somebody else asked for.
        ApproveChange = "approve_change",
        /// Go through a freeze or without approval, leaving a review behind.
        BreakGlass = "break_glass",
        EditPostMortem = "edit_post_mortem",
        ExportReport = "export_report",
        /// Approve an outage report that somebody else wrote.
        ApproveReport = "approve_report",
        /// Say that what was reported of a period stands.
        LockPeriod = "lock_period",
        /// Take such a lock back.
        UnlockPeriod = "unlock_period",
        ReadLedger = "read_ledger",
        /// Approve somebody else's ledger entries.
        ApproveLedger = "approve_ledger",
        ReadAudit = "read_audit",
        /// See mail that came in and messages that went out, with their fate.
        ReadMail = "read_mail",
        /// Take a file out of quarantine, after a warning.
        TakeFile = "take_file",
        /// Replay, accept or reject held mail; replay dead letters; block a sender.
        HandleMail = "handle_mail",
        ManageCustomers = "manage_customers",
        ManageAgreements = "manage_agreements",
        /// Say that an agreement or a calendar was another in the past: deadlines and outcomes move.
        CorrectTerms = "correct_terms",
        ManageServices = "manage_services",
        ManagePeople = "manage_people",
        ManageRepositories = "manage_repositories",
        ManageSettings = "manage_settings",
        /// Verdicts and events from a repository's hooks.
        SendHookEvents = "send_hook_events",
        /// How one is reached: own ways, own calendar of shifts.
        KeepOwnWays = "keep_own_ways",
        /// Own profile, password, sessions, tokens.
        KeepOwnAccount = "keep_own_account",
    }
}

/// Each role that suffices for an action.
const fn roles_for(action: Action) -> Roles {
    use Role::*;
    match action {
        Action::ReadTickets | Action::ReadHouse | Action::KeepViews | Action::ExportReport => {
            Roles::all()
        }
        Action::OpenTicket
        | Action::WorkOnTicket
        | Action::Reply
        | Action::MoveTicket
        | Action::PageSomeone
        | Action::AcknowledgePage
        | Action::OverrideShift
        | Action::RunChange
        | Action::RecordDeployment
        | Action::EditPostMortem
        | Action::ApproveReport
        | Action::HandleMail => Roles::of(&[Responder, Lead]),
        // A mail's bytes hold its files.
        Action::ReadMail | Action::TakeFile => Roles::of(&[Responder, Lead, Auditor, Admin]),
        Action::Backdate
        | Action::LengthenPromise
        | Action::BreakGlass
        | Action::ApproveLedger
        | Action::CorrectTerms => Roles::of(&[Lead]),
        Action::LockPeriod => Roles::of(&[Lead, Auditor]),
        Action::PlanOncall | Action::SpeakFreely => Roles::of(&[Lead, Admin]),
        Action::ApproveChange => Roles::of(&[ChangeApprover]),
        // Everybody reads their own; the page narrows it for those without one of these.
        Action::ReadLedger => Roles::of(&[Responder, Lead, Auditor, Admin]),
        Action::ReadAudit => Roles::of(&[Auditor, Admin]),
        Action::ManageCustomers | Action::ManageAgreements | Action::ManageServices => {
            Roles::of(&[Lead, Admin])
        }
        Action::Redact
        | Action::UnlockPeriod
        | Action::ManagePeople
        | Action::ManageRepositories
        | Action::ManageSettings => Roles::of(&[Admin]),
        Action::SendHookEvents | Action::AskForHelp | Action::Answer => Roles::NONE,
        Action::KeepOwnWays | Action::KeepOwnAccount => Roles::all(),
    }
}

/// Whether somebody with these roles may do it, as far as it doesn't depend on whose it is.
pub const fn suffices(roles: Roles, action: Action) -> bool {
    roles.has_any(roles_for(action))
}

/// The one scope under which a token may try an action; `None` if no token ever may.
const fn scope_for(action: Action) -> Option<Scope> {
    match action {
        Action::ReadTickets
        | Action::ReadHouse
        | Action::ExportReport
        | Action::ReadLedger
        | Action::ReadAudit
        | Action::ReadMail => Some(Scope::Read),
        Action::OpenTicket
        | Action::KeepViews
        | Action::ApproveReport
        | Action::WorkOnTicket
        | Action::Reply
        | Action::MoveTicket
        | Action::Backdate
        | Action::LengthenPromise
        | Action::SpeakFreely
        | Action::EditPostMortem
        | Action::HandleMail
        | Action::TakeFile
        | Action::PageSomeone => Some(Scope::Tickets),
        Action::RunChange | Action::ApproveChange | Action::BreakGlass => Some(Scope::Changes),
        Action::RecordDeployment => Some(Scope::Deploy),
        Action::AcknowledgePage
        | Action::OverrideShift
        | Action::PlanOncall
        | Action::KeepOwnWays => Some(Scope::Oncall),
        Action::ManageCustomers
        | Action::ManageAgreements
        | Action::CorrectTerms
        | Action::ManageServices
        | Action::ManagePeople
        | Action::ManageRepositories
        | Action::ManageSettings
        | Action::LockPeriod
        | Action::UnlockPeriod
        | Action::Redact => Some(Scope::Admin),
        Action::SendHookEvents => Some(Scope::Hook),
        // Who signs for pay is a person at a screen; an account is kept by its person.
        Action::ApproveLedger | Action::KeepOwnAccount => None,
        Action::AskForHelp | Action::Answer => None,
    }
}

/// What an action is about, as far as access depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// Nothing that depends on whose it is.
    House,
    Ticket(&'a Circle),
    /// Something of this person: their request, their ledger entry, their report.
    Of(PersonId),
    /// A repository's own door.
    Repository(RepositoryId),
}

/// Which outsiders a ticket concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Circle {
    /// Who asked, and who was hit.
    pub customers: Vec<CustomerId>,
    pub requester: Option<ContactId>,
    pub watchers: Vec<ContactId>,
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// They may not know that it exists: answered like something absent.
    Hidden,
    /// They may know of it, but this isn't theirs to do.
    NotYours(Refusal),
}

/// Whether `by` may do `action` to `target`: the only place that decides it.
pub fn may(by: &Principal, action: Action, target: Target<'_>) -> Result<(), Denial> {
    match by {
        Principal::System(_) => Ok(()),
        Principal::Person { id, roles, .. } => staff(Some(*id), *roles, action, target),
        Principal::Token {
            owner: TokenOwner::Repository(own),
            scopes,
            ..
        } => match target {
            Target::Repository(asked)
                if asked == *own && action == Action::SendHookEvents && scopes.has(Scope::Hook) =>
            {
                Ok(())
            }
            Target::Repository(_) | Target::House | Target::Ticket(_) | Target::Of(_) => {
                Err(Denial::Hidden)
            }
        },
        Principal::Token { roles, scopes, .. } => match scope_for(action) {
            Some(scope) if scopes.has(scope) => staff(by.person(), *roles, action, target),
            Some(scope) => Err(Denial::NotYours(
                Refusal::new("token-scope").with("scope", scope.as_str()),
            )),
            None => Err(Denial::NotYours(Refusal::new("not-by-token"))),
        },
        Principal::Contact {
            id,
            customer,
            reach,
            ..
        } => contact(*id, *customer, *reach, action, target),
    }
}

fn staff(
    person: Option<PersonId>,
    roles: Roles,
    action: Action,
    target: Target<'_>,
) -> Result<(), Denial> {
    if action == Action::KeepOwnAccount {
        return match target {
            Target::Of(owner) if Some(owner) != person => Err(Denial::Hidden),
            Target::House | Target::Of(_) | Target::Ticket(_) | Target::Repository(_) => Ok(()),
        };
    }
    if roles.is_empty() {
        return Err(Denial::Hidden);
    }
    let enough = roles_for(action);
    if !roles.has_any(enough) {
        let wanted = enough.iter().map(Role::as_str).collect::<Vec<_>>();
        return Err(Denial::NotYours(
            Refusal::new("needs-role").with("roles", wanted.join(", ")),
        ));
    }
    let second_pair_of_eyes = matches!(
        action,
        Action::ApproveChange | Action::ApproveLedger | Action::ApproveReport | Action::SpeakFreely
    );
    match target {
        Target::Of(owner) if second_pair_of_eyes && Some(owner) == person => {
            Err(Denial::NotYours(Refusal::new("not-your-own")))
        }
        Target::Of(owner) if action == Action::KeepOwnWays && Some(owner) != person => {
            Err(Denial::Hidden)
        }
        Target::Of(_) | Target::House | Target::Ticket(_) | Target::Repository(_) => Ok(()),
    }
}

/// Contacts see and answer what concerns them; everything else isn't there.
fn contact(
    id: ContactId,
    customer: CustomerId,
    reach: Reach,
    action: Action,
    target: Target<'_>,
) -> Result<(), Denial> {
    let allowed = match (action, target) {
        (Action::ReadTickets | Action::Answer, Target::Ticket(circle)) => {
            circle.customers.contains(&customer)
                && match reach {
                    Reach::Customer => true,
                    Reach::Own => circle.requester == Some(id) || circle.watchers.contains(&id),
                }
        }
        (Action::AskForHelp | Action::KeepOwnAccount, Target::House) => true,
        _ => false,
    };
    if allowed { Ok(()) } else { Err(Denial::Hidden) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::timestamp::Timestamp;

    fn id<T>(n: i64) -> Id<T> {
        let mut bytes = [0; 16];
        bytes[8..].copy_from_slice(&n.to_be_bytes());
        Id::from_uuid(uuid::Uuid::from_bytes(bytes))
    }

    fn person(roles: &[Role]) -> Principal {
        Principal::Person {
            id: id(1),
            name: "Ada".into(),
            roles: Roles::of(roles),
        }
    }

    fn token(owner: TokenOwner, roles: &[Role], scopes: &[Scope]) -> Principal {
        Principal::Token {
            id: Id::new(Timestamp::from_micros(0)),
            name: "ci".into(),
            owner,
            roles: Roles::of(roles),
            scopes: Scopes::of(scopes),
        }
    }

    /// One line per action: `v` viewer, `r` responder, `l` lead, `c` change approver, `a` auditor, `A` admin.
    const TABLE: &str = "
        read_tickets        v r l c a A
        read_house          v r l c a A
        keep_views          v r l c a A
        open_ticket         . r l . . .
        ask_for_help        . . . . . .
        answer              . . . . . .
        work_on_ticket      . r l . . .
        reply               . r l . . .
        move_ticket         . r l . . .
        backdate            . . l . . .
        lengthen_promise    . . l . . .
        speak_freely        . . l . . A
        redact              . . . . . A
        page_someone        . r l . . .
        acknowledge_page    . r l . . .
        override_shift      . r l . . .
        plan_oncall         . . l . . A
        run_change          . r l . . .
        record_deployment   . r l . . .
        approve_change      . . . c . .
        break_glass         . . l . . .
        edit_post_mortem    . r l . . .
        export_report       v r l c a A
        approve_report      . r l . . .
        lock_period         . . l . a .
        unlock_period       . . . . . A
        read_ledger         . r l . a A
        approve_ledger      . . l . . .
        read_audit          . . . . a A
        read_mail           . r l . a A
        take_file           . r l . a A
        handle_mail         . r l . . .
        manage_customers    . . l . . A
        manage_agreements   . . l . . A
        correct_terms       . . l . . .
        manage_services     . . l . . A
        manage_people       . . . . . A
        manage_repositories . . . . . A
        manage_settings     . . . . . A
        send_hook_events    . . . . . .
        keep_own_ways       v r l c a A
        keep_own_account    v r l c a A";

    #[test]
    fn each_role_alone_may_do_what_its_column_says() {
        let mut seen = 0;
        for line in TABLE.trim().lines() {
            let mut cells = line.split_whitespace();
            let action: Action = cells.next().unwrap().parse().unwrap();
            for role in Role::ALL {
                let cell = cells.next().unwrap();
                let answer = may(&person(&[*role]), action, Target::House);
                assert_eq!(answer.is_ok(), cell != ".", "{role} {action}");
                seen += 1;
            }
        }
        assert_eq!(seen, Action::ALL.len() * Role::ALL.len());
    }

    #[test]
    fn grants_add_up() {
        let both = person(&[Role::Viewer, Role::ChangeApprover]);
        assert!(may(&both, Action::ApproveChange, Target::House).is_ok());
        assert!(may(&both, Action::RunChange, Target::House).is_err());
    }

    #[test]
    fn nobody_approves_their_own() {
        for (role, action) in [
            (Role::ChangeApprover, Action::ApproveChange),
            (Role::Lead, Action::ApproveLedger),
            (Role::Lead, Action::ApproveReport),
            (Role::Admin, Action::SpeakFreely),
        ] {
            let ada = person(&[role]);
            assert_eq!(
                may(&ada, action, Target::Of(id(1))),
                Err(Denial::NotYours(Refusal::new("not-your-own")))
            );
            assert!(may(&ada, action, Target::Of(id(2))).is_ok(), "{action}");
        }
        let own = token(
            TokenOwner::Person(id(1)),
            &[Role::ChangeApprover],
            &[Scope::Changes],
        );
        assert!(may(&own, Action::ApproveChange, Target::Of(id(1))).is_err());
    }

    #[test]
    fn nobody_sets_how_others_are_reached_by_their_own_right() {
        let ada = person(Role::ALL);
        assert!(may(&ada, Action::KeepOwnWays, Target::Of(id(1))).is_ok());
        assert_eq!(
            may(&ada, Action::KeepOwnWays, Target::Of(id(2))),
            Err(Denial::Hidden)
        );
    }

    #[test]
    fn somebody_without_any_role_sees_nothing_but_their_own_account() {
        let nobody = person(&[]);
        for action in Action::ALL {
            let answer = may(&nobody, *action, Target::House);
            let expected = match action {
                Action::KeepOwnAccount => Ok(()),
                _ => Err(Denial::Hidden),
            };
            assert_eq!(answer, expected, "{action}");
        }
        assert_eq!(
            may(&nobody, Action::KeepOwnAccount, Target::Of(id(2))),
            Err(Denial::Hidden)
        );
    }

    #[test]
    fn a_token_needs_its_scope_and_its_owners_role() {
        let owner = TokenOwner::Person(id(1));
        for action in Action::ALL {
            let strong = token(owner, Role::ALL, Scope::ALL);
            let expected = scope_for(*action).is_some() && !roles_for(*action).is_empty();
            assert_eq!(
                may(&strong, *action, Target::House).is_ok(),
                expected,
                "{action}"
            );
            let no_scope = token(owner, Role::ALL, &[]);
            assert!(may(&no_scope, *action, Target::House).is_err(), "{action}");
            let weak_owner = token(owner, &[], Scope::ALL);
            assert!(
                may(&weak_owner, *action, Target::House).is_err(),
                "{action}"
            );
        }
        let reader = token(owner, Role::ALL, &[Scope::Read]);
        assert_eq!(
            may(&reader, Action::OpenTicket, Target::House),
            Err(Denial::NotYours(
                Refusal::new("token-scope").with("scope", "tickets")
            ))
        );
    }

    #[test]
    fn a_repository_token_opens_only_its_own_repositorys_door() {
        let hook = token(TokenOwner::Repository(id(7)), &[], &[Scope::Hook]);
        for action in Action::ALL {
            let own = may(&hook, *action, Target::Repository(id(7)));
            assert_eq!(own.is_ok(), *action == Action::SendHookEvents, "{action}");
            assert_eq!(
                may(&hook, *action, Target::House),
                Err(Denial::Hidden),
                "{action}"
            );
            assert_eq!(
                may(&hook, *action, Target::Repository(id(8))),
                Err(Denial::Hidden),
                "{action}"
            );
        }
    }

    #[test]
    fn a_contact_sees_their_own_customers_tickets_only() {
        let contact = |reach| Principal::Contact {
            id: id(1),
            name: "Cleo".into(),
            customer: id(10),
            reach,
        };
        let circle = |customer, requester: i64, watcher: i64| Circle {
            customers: vec![id(customer)],
            requester: Some(id(requester)),
            watchers: vec![id(watcher)],
        };
        // (reach, the ticket, may read and reply)
        let table = [
            (Reach::Own, circle(10, 1, 5), true),
            (Reach::Own, circle(10, 2, 1), true),
            (Reach::Own, circle(10, 2, 5), false),
            (Reach::Customer, circle(10, 2, 5), true),
            (Reach::Customer, circle(11, 2, 5), false),
            // Asked once, but moved to another customer since.
            (Reach::Own, circle(11, 1, 1), false),
            (Reach::Customer, Circle::default(), false),
        ];
        for (reach, circle, expected) in table {
            for action in Action::ALL {
                let answer = may(&contact(reach), *action, Target::Ticket(&circle));
                let allowed = expected && matches!(action, Action::ReadTickets | Action::Answer);
                let wanted = if allowed { Ok(()) } else { Err(Denial::Hidden) };
                assert_eq!(answer, wanted, "{reach} {action} {circle:?}");
            }
        }
        for action in Action::ALL {
            let answer = may(&contact(Reach::Customer), *action, Target::House);
            let allowed = matches!(action, Action::AskForHelp | Action::KeepOwnAccount);
            assert_eq!(answer.is_ok(), allowed, "{action}");
        }
    }
}
