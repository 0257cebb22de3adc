//! Post-mortems and their meetings.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Nothing, Reply};
use super::ticket::{IfMatch, Ticket, changed};
use super::value::{At, Closed, Key, MeetingUid, PersonUid, Uid, Word};
use crate::actions::{meeting, postmortem as action, ticket};
use crate::app::Ctx;
use crate::domain::id::{Kind, TicketKey};
use crate::domain::postmortem::{MeetingState, Section};
use crate::domain::task::ActionType;
use crate::domain::text::Title;
use crate::error::{Error, Result};
use crate::store;

impl Closed for Section {
    const NAME: &'static str = "PostMortemSection";
    const WORDS: &'static [Self] = Section::ALL;
}
impl Closed for ActionType {
    const NAME: &'static str = "ActionType";
    const WORDS: &'static [Self] = ActionType::ALL;
}
impl Closed for MeetingState {
    const NAME: &'static str = "MeetingState";
    const WORDS: &'static [Self] = MeetingState::ALL;
}
type SectionWord = Word<Section>;
type ActionTypeWord = Word<ActionType>;
type MeetingStateWord = Word<MeetingState>;

/// A post-mortem: what happened, what to do so that it doesn't again, and when to meet.
#[derive(Debug, Serialize, ToSchema)]
pub struct PostMortem {
    pub ticket: Ticket,
    pub incident: Option<Key>,
    pub author_id: Option<PersonUid>,
    pub reviewer_id: Option<PersonUid>,
    pub sections: Vec<WrittenSection>,
    pub actions: Vec<ActionItem>,
    pub meeting: Option<Meeting>,
}

/// One section's text.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WrittenSection {
    pub section: SectionWord,
    pub body: String,
}

/// Something to be done: a task of its own.
#[derive(Debug, Serialize, ToSchema)]
pub struct ActionItem {
    pub action_type: ActionTypeWord,
    pub task: Ticket,
    /// What the customer's report says about it.
    pub commitment: Option<String>,
}

/// The meeting as it is planned, or as it was.
#[derive(Debug, Serialize, ToSchema)]
pub struct Meeting {
    pub id: MeetingUid,
    /// The invitation's UID; stable.
    pub uid: String,
    /// The invitation's SEQUENCE; rises with every move.
    pub sequence: i32,
    pub state: MeetingStateWord,
    pub starts_at: At,
    pub ends_at: At,
    /// When it has to have been held.
    pub deadline_at: At,
    pub place: String,
    pub guests: Vec<Guest>,
}

/// Somebody who is invited.
#[derive(Debug, Serialize, ToSchema)]
pub struct Guest {
    pub name: String,
    pub email: String,
    pub person_id: Option<PersonUid>,
    /// `accepted`, `tentative` or `declined`, once they answered the invitation as it stands now.
    pub answer: Option<&'static str>,
}

fn shown(ctx: &Ctx<'_>, key: TicketKey) -> Result<Answer> {
    let pm = ticket::read(ctx, key)?;
    if pm.key.kind != Kind::PostMortem {
        return Err(Error::NotFound);
    }
    let found = ctx.read(|conn| {
        let known = store::postmortem::by_ticket(conn, pm.id)?;
        let incident = match known.and_then(|known| known.incident_id) {
            Some(id) => store::ticket::by_id(conn, id)?,
            None => None,
        };
        let meeting = match store::postmortem::meeting_of(conn, pm.id)? {
            Some(meeting) => {
                let guests = store::postmortem::guests(conn, meeting.id)?;
                Some((meeting, guests))
            }
            None => None,
        };
        Ok(PostMortem {
            ticket: Ticket::of(ctx.app, &pm),
            incident: incident.map(|it| Key(it.key)),
            author_id: known.and_then(|known| known.author_id).map(Uid),
            reviewer_id: known.and_then(|known| known.reviewer_id).map(Uid),
            sections: store::postmortem::sections(conn, pm.id)?
                .into_iter()
                .map(|(section, body)| WrittenSection {
                    section: Word(section),
                    body,
                })
                .collect(),
            actions: action::actions(conn, pm.id)?
                .into_iter()
                .map(|(item, task)| ActionItem {
                    action_type: Word(item.action_type),
                    task: Ticket::of(ctx.app, &task),
                    commitment: item.commitment,
                })
                .collect(),
            meeting: meeting.map(|(meeting, guests)| Meeting {
                id: Uid(meeting.id),
                uid: meeting.uid,
                sequence: meeting.sequence,
                state: Word(meeting.state),
                starts_at: At(meeting.slot.starts_at),
                ends_at: At(meeting.slot.ends_at),
                deadline_at: At(meeting.deadline_at),
                place: meeting.place,
                guests: guests
                    .into_iter()
                    .map(|guest| Guest {
                        name: guest.name,
                        email: guest.address.as_str().to_owned(),
                        person_id: guest.person.map(Uid),
                        answer: guest.answer.map(|answer| answer.as_str()),
                    })
                    .collect(),
            }),
        })
    })?;
    Ok(Answer::ok(&found)?.version(pm.version))
}

/// Read a post-mortem
///
/// Sections, action items and the meeting. Incidents of severity disaster or high get one when they are resolved.
#[utoipa::path(get, path = "/api/v1/post-mortems/{key}", tag = "post-mortems", responses((status = 200, description = "The post-mortem", body = PostMortem)))]
pub async fn read(call: Call<Nothing>) -> Reply {
    let key = call.ticket("key")?;
    call.read(move |ctx| shown(ctx, key)).await
}

/// Of which incident.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPostMortem {
    incident: Key,
}

/// Open a post-mortem
///
/// By hand, whatever the incident's severity.
#[utoipa::path(post, path = "/api/v1/post-mortems", tag = "post-mortems", request_body = NewPostMortem, responses((status = 201, description = "Opened", body = Ticket)))]
pub async fn open(call: Call<NewPostMortem>) -> Reply {
    call.change(|ctx, new| {
        let pm = action::open(ctx, new.incident.0)?;
        let place = format!("/api/v1/post-mortems/{}", pm.key);
        Ok(Answer::created(place, &Ticket::of(ctx.app, &pm))?.version(pm.version))
    })
    .await
}

/// The sections that change.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Sections {
    sections: Vec<WrittenSection>,
}

/// Write a post-mortem
///
/// The sections that are named; the others stay.
#[utoipa::path(patch, path = "/api/v1/post-mortems/{key}", tag = "post-mortems", params(IfMatch), request_body = Sections, responses((status = 200, description = "As it stands now", body = PostMortem)))]
pub async fn write(call: Call<Sections>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    call.change(move |ctx, asked| {
        let sections: Vec<(Section, String)> = asked
            .sections
            .iter()
            .map(|it| (it.section.0, it.body.clone()))
            .collect();
        action::write(ctx, key, rev, &sections)?;
        shown(ctx, key)
    })
    .await
}

/// Something to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    title: String,
    #[serde(default)]
    outline: String,
    action_type: ActionTypeWord,
    owner_id: PersonUid,
    /// By the severity's budget if empty.
    due_at: Option<At>,
    /// What the customer's report says about it; empty: nothing.
    #[serde(default)]
    commitment: String,
}

/// Add an action item
///
/// It becomes a task with an owner and a due date.
#[utoipa::path(post, path = "/api/v1/post-mortems/{key}/actions", tag = "post-mortems", request_body = NewAction, responses((status = 200, description = "Added; the post-mortem", body = PostMortem)))]
pub async fn add_action(call: Call<NewAction>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, new| {
        let item = action::NewAction {
            title: Title::parse(&new.title)?,
            outline: new.outline.clone(),
            action_type: new.action_type.0,
            owner: new.owner_id.0,
            due_at: new.due_at.map(|at| at.0),
            commitment: new.commitment.clone(),
        };
        action::add_action(ctx, key, &item)?;
        shown(ctx, key)
    })
    .await
}

/// When and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeetingChoice {
    starts_at: At,
    /// 60 by default.
    minutes: Option<i64>,
    /// A room or a link.
    #[serde(default)]
    place: String,
}

/// Set or move the meeting
///
/// Everybody invited gets the update.
#[utoipa::path(put, path = "/api/v1/post-mortems/{key}/meeting", tag = "post-mortems", params(IfMatch), request_body = MeetingChoice, responses((status = 200, description = "Set", body = PostMortem)))]
pub async fn set_meeting(call: Call<MeetingChoice>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    call.change(move |ctx, chosen| {
        let choice = meeting::Choice {
            starts_at: chosen.starts_at.0,
            minutes: chosen.minutes.unwrap_or(60),
            place: chosen.place.clone(),
        };
        meeting::choose(ctx, key, rev, &choice)?;
        shown(ctx, key)
    })
    .await
}

/// Whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGuest {
    person_id: PersonUid,
}

/// Invite somebody to the meeting
#[utoipa::path(post, path = "/api/v1/post-mortems/{key}/meeting/guests", tag = "post-mortems", request_body = NewGuest, responses((status = 200, description = "Invited", body = PostMortem)))]
pub async fn invite(call: Call<NewGuest>) -> Reply {
    let key = call.ticket("key")?;
    call.change(move |ctx, who| {
        meeting::invite(ctx, key, who.person_id.0)?;
        shown(ctx, key)
    })
    .await
}

/// Say that the meeting was held
#[utoipa::path(post, path = "/api/v1/post-mortems/{key}/meeting/held", tag = "post-mortems", params(IfMatch), responses((status = 200, description = "Held", body = Ticket)))]
pub async fn held(call: Call<Nothing>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    call.change(move |ctx, _| changed(ctx.app, &meeting::hold(ctx, key, rev)?))
        .await
}

/// Why there is no meeting.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    why: String,
}

/// Cancel the meeting
///
/// Everybody invited hears of it.
#[utoipa::path(post, path = "/api/v1/post-mortems/{key}/meeting/cancel", tag = "post-mortems", params(IfMatch), request_body = Cancellation, responses((status = 200, description = "Cancelled", body = Ticket)))]
pub async fn cancel_meeting(call: Call<Cancellation>) -> Reply {
    let (key, rev) = (call.ticket("key")?, call.rev);
    call.change(move |ctx, asked| changed(ctx.app, &meeting::cancel(ctx, key, rev, &asked.why)?))
        .await
}
