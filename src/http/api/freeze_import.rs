//! Windows from a calendar file.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::call::{Answer, Call, Reply};
use super::freeze::{Freeze, TypeLevels, invalid, seconds};
use super::value::{Closed, RiskWord, ServiceUid, Word};
use super::what_if::DryRun;
use crate::actions::freeze as windows;
use crate::actions::freeze_import::{self as action, File, Taken};
use crate::domain::freeze::{Fate, Scope, Sort, TypedForAll};
use crate::domain::refusal::FieldError;
use crate::error::{Error, Result};
use crate::intake::freezes::{LeftOut, MOST_BYTES, Refused, read};
use crate::words::Words;

impl Closed for Fate {
    const NAME: &'static str = "ImportFate";
    const WORDS: &'static [Self] = Fate::ALL;
}
impl Closed for LeftOut {
    const NAME: &'static str = "LeftOut";
    const WORDS: &'static [Self] = LeftOut::ALL;
}
type ImportFateWord = Word<Fate>;
type LeftOutWord = Word<LeftOut>;

/// A calendar file, and what its windows ask: the same for all of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeFile {
    /// An iCalendar file, 512 KB at most.
    text: String,
    /// IANA name of the zone of whole days, and of times that name none.
    #[schema(example = "Europe/Stockholm")]
    zone: String,
    /// `deny` by default.
    #[schema(example = "deny")]
    kind: Option<String>,
    /// Of a freeze; a maintenance window has none.
    #[schema(example = "block")]
    level: Option<String>,
    type_levels: Option<TypeLevels>,
    services: Option<Vec<ServiceUid>>,
    environments: Option<Vec<String>>,
    min_risk: Option<RiskWord>,
    announce_secs: Option<i64>,
}

/// What became of a calendar file, or would.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreezeImport {
    /// Nothing was written: it is what would become of it.
    pub dry_run: bool,
    pub taken: Vec<TakenEvent>,
    pub refused: Vec<RefusedEvent>,
    /// There are more events than are looked at.
    pub is_cut: bool,
}

/// An event that is a window, or was one before it was cancelled.
#[derive(Debug, Serialize, ToSchema)]
pub struct TakenEvent {
    pub uid: String,
    pub did: ImportFateWord,
    /// As it stands. Of one that would be added the id is none yet.
    pub freeze: Freeze,
}

/// An event that no window can say exactly.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefusedEvent {
    pub uid: String,
    pub name: String,
    pub problem: LeftOutWord,
    /// The same for people.
    pub text: String,
}

impl TakenEvent {
    fn of(it: &Taken) -> Self {
        Self {
            uid: it.freeze.source_uid.clone().unwrap_or_default(),
            did: Word(it.fate),
            freeze: Freeze::of(&it.freeze),
        }
    }
}

impl RefusedEvent {
    fn of(it: &Refused) -> Self {
        let key = format!("freeze-left-{}", it.why.as_str().replace('_', "-"));
        let detail = [("detail", it.detail.as_str().into())];
        Self {
            uid: it.uid.clone(),
            name: it.name.clone(),
            problem: Word(it.why),
            text: Words::english().with(&key, &detail).into_owned(),
        }
    }
}

/// Make freezes of a calendar file
///
/// Each event that a window can say exactly becomes one; the others are named with the reason. An event that was taken before changes its
/// window, by its UID; one that is cancelled switches it off.
#[utoipa::path(post, path = "/api/v1/freezes/import", tag = "freezes", params(DryRun), request_body = FreezeFile, responses((status = 200, description = "What became of it", body = FreezeImport)))]
pub async fn import(call: Call<FreezeFile>) -> Reply {
    let is_dry = call.query::<DryRun>()?.is_dry();
    call.change(move |ctx, file| {
        windows::may_keep(ctx)?;
        let announce = seconds(file.announce_secs);
        let for_all = TypedForAll {
            zone: &file.zone,
            sort: file.kind.as_deref().unwrap_or(Sort::Deny.as_str()),
            level: file.level.as_deref().unwrap_or_default(),
            types: file
                .type_levels
                .as_ref()
                .map(TypeLevels::typed)
                .unwrap_or_default(),
            announce: &announce,
        };
        let scope = Scope {
            services: file.services.iter().flatten().map(|id| id.0).collect(),
            environments: file.environments.clone().unwrap_or_default(),
            min_risk: file.min_risk.map(|word| word.0),
            refs: Vec::new(),
        };
        let for_all = for_all.check(scope).map_err(invalid)?;
        let text = text(&file.text)?;
        let reading = read(text, for_all.zone, ctx.now);
        let cancelled = reading.cancelled_uids();
        let file = File {
            for_all: &for_all,
            events: &reading.found,
            cancelled: &cancelled,
        };
        let taken = match is_dry {
            true => action::look(ctx, &file)?,
            false => action::take(ctx, &file)?,
        };
        let left_out = reading.left_out(|uid| action::has_window(&taken, uid));
        Answer::ok(&FreezeImport {
            dry_run: is_dry,
            taken: taken.iter().map(TakenEvent::of).collect(),
            refused: left_out.map(RefusedEvent::of).collect(),
            is_cut: reading.is_cut,
        })
    })
    .await
}

fn text(text: &str) -> Result<&str> {
    let problem = match text.len() {
        _ if text.trim().is_empty() => "required",
        0..=MOST_BYTES => return Ok(text),
        _ => "calendar-too-big",
    };
    let most = (MOST_BYTES / 1024).to_string();
    Err(Error::from(
        FieldError::new("text", problem).with("max", most),
    ))
}
