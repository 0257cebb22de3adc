//! What was set, and the audit of who did what to the house.

use diesel::prelude::*;

use super::backend::direct;
use super::schema::accounts::{audit, setting};
use super::{Conn, Tx};
use crate::domain::id::AuditId;
use crate::domain::settings::{SettingKey, Settings};
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Result};

/// All settings. A key of a newer version is skipped; a value that can't be read any more is an error, not a default.
pub fn all(conn: &mut Conn) -> Result<Settings> {
    let rows: Vec<(String, String)> = direct!(conn, |own| setting::table
        .select((setting::key, setting::value))
        .load(own))?;
    let mut settings = Settings::default();
    for (key, value) in rows {
        let Ok(key) = key.parse::<SettingKey>() else {
            continue;
        };
        let text: String = serde_json::from_str(&value)
            .map_err(|error| Error::internal(format!("setting {key}: {error}")))?;
        settings
            .set(key, &text)
            .map_err(|error| Error::internal(format!("setting {key}: {}", error.problem)))?;
    }
    Ok(settings)
}

/// Stores one setting's text.
pub fn put(tx: &mut Tx, key: SettingKey, text: &str, now: Timestamp) -> Result<()> {
    super::version::raise(tx)?;
    let value = serde_json::Value::from(text).to_string();
    let changed = diesel::update(setting::table.find(key.as_str()))
        .set((
            setting::value.eq(&value),
            setting::changed_at.eq(now),
            setting::version.eq(setting::version + 1),
        ))
        .execute(&mut **tx)?;
    if changed == 0 {
        diesel::insert_into(setting::table)
            .values((
                setting::key.eq(key.as_str()),
                setting::value.eq(&value),
                setting::changed_at.eq(now),
                setting::version.eq(1),
            ))
            .execute(&mut **tx)?;
    }
    Ok(())
}

/// One line of the audit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditLine {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor_kind: String,
    pub actor_id: Option<Vec<u8>>,
    /// The name at that moment.
    pub actor_name: String,
    pub door: String,
    /// What was done: a stable word, `deed-<word>` in the catalogue.
    pub deed: String,
    /// To what or whom, as people would name it.
    pub subject: String,
    /// What changed, as a JSON object of strings.
    pub facts: String,
}

type AuditRow = (
    AuditId,
    Timestamp,
    String,
    Option<Vec<u8>>,
    String,
    String,
    String,
    String,
    String,
);

pub fn insert_audit(tx: &mut Tx, line: &AuditLine) -> Result<()> {
    diesel::insert_into(audit::table)
        .values((
            audit::id.eq(line.id),
            audit::at.eq(line.at),
            audit::actor_kind.eq(&line.actor_kind),
            audit::actor_id.eq(line.actor_id.as_deref()),
            audit::actor_name.eq(&line.actor_name),
            audit::door.eq(&line.door),
            audit::deed.eq(&line.deed),
            audit::subject.eq(&line.subject),
            audit::facts.eq(&line.facts),
        ))
        .execute(&mut **tx)?;
    Ok(())
}

/// Who did the last deed whose word begins with `family` to what is called `subject`.
pub fn last_doer(conn: &mut Conn, family: &str, subject: &str) -> Result<Option<String>> {
    let name = audit::table
        .filter(audit::subject.eq(subject))
        .filter(audit::deed.like(format!("{family}-%")))
        .order((audit::at.desc(), audit::id.desc()))
        .select(audit::actor_name)
        .first(conn)
        .optional()?;
    Ok(name)
}

/// The newest lines, or those before `before` (the last line of the page above).
pub fn audit_page(
    conn: &mut Conn,
    before: Option<(Timestamp, AuditId)>,
    limit: i64,
) -> Result<Vec<AuditLine>> {
    let mut query = audit::table
        .select((
            audit::id,
            audit::at,
            audit::actor_kind,
            audit::actor_id,
            audit::actor_name,
            audit::door,
            audit::deed,
            audit::subject,
            audit::facts,
        ))
        .order((audit::at.desc(), audit::id.desc()))
        .limit(limit)
        .into_boxed();
    if let Some((at, id)) = before {
        // In this form both databases walk the index; the textbook OR doesn't on PostgreSQL.
        query = query.filter(audit::at.le(at).and(audit::at.lt(at).or(audit::id.lt(id))));
    }
    let rows: Vec<AuditRow> = query.load(conn)?;
    Ok(rows
        .into_iter()
        .map(
            |(id, at, actor_kind, actor_id, actor_name, door, deed, subject, facts)| AuditLine {
                id,
                at,
                actor_kind,
                actor_id,
                actor_name,
                door,
                deed,
                subject,
                facts,
            },
        )
        .collect())
}
