//! A period as a page of figures asks for it: its form, its address, its words, and cells that lead to the list behind a number.

use actix_web::HttpRequest;
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;

use super::inputs::zones;
use super::queue::param;
use super::sla_reports::date;
use crate::domain::refusal::FieldError;
use crate::domain::sla_report::Period;
use crate::domain::text;
use crate::domain::timestamp::Timestamp;
use crate::error::{Error, Fields, Result};
use crate::http::form::Form;
use crate::http::page::Page;
use crate::http::reply::coded;
use crate::words::Value;

/// Whole weeks that are shown when nobody says otherwise, besides the present one.
const WEEKS: u64 = 4;

/// A period and a zone as an address names them.
#[derive(Debug, Clone, Default)]
pub struct Span {
    pub from: String,
    pub to: String,
    pub zone: String,
}

impl Span {
    /// The last four weeks and the present one, unless the address says otherwise.
    pub fn of(req: &HttpRequest, now: Timestamp, house: Tz) -> Self {
        let text = |name| param(req, name).unwrap_or_default().trim().to_owned();
        let mut span = Self {
            from: text("from"),
            to: text("to"),
            zone: text("zone"),
        };
        if span.from.is_empty() && span.to.is_empty() {
            let today = now.in_zone(house).date_naive();
            let monday = today - Days::new(u64::from(today.weekday().num_days_from_monday()));
            span.from = (monday - Days::new(7 * WEEKS)).to_string();
            span.to = today.to_string();
        }
        span
    }

    pub fn period(&self, house: Tz) -> Result<Period> {
        let mut fields = Fields::new();
        let zone = match self.zone.as_str() {
            "" => Some(house),
            name => fields.take(text::zone("zone", name)),
        };
        let from = fields.take(date("from", &self.from));
        let to = fields.take(date("to", &self.to));
        fields.check()?;
        let (Some(zone), Some(from), Some(to)) = (zone, from, to) else {
            return Err(Error::internal("a checked span lacks a field"));
        };
        Ok(Period::new(from, to, zone)?)
    }

    /// A page of this period, of one repository or service if `of` names one; `more` ends the address.
    pub fn place(&self, path: &str, (name, of): (&str, &str), more: &str) -> String {
        let mut place = format!("{path}?{}", self.text());
        if !of.is_empty() {
            place.push_str(&format!("&{name}={}", coded(of)));
        }
        place + more
    }

    /// The form that asked, with what is wrong in it.
    pub fn form(&self, p: &Page, errors: Vec<FieldError>) -> Form {
        Form::failing(p.words, errors)
            .with("from", &self.from)
            .with("to", &self.to)
            .with("zone", &self.zone)
    }

    /// As it stands in an address, without its question mark.
    pub fn text(&self) -> String {
        let mut text = format!("from={}&to={}", coded(&self.from), coded(&self.to));
        if !self.zone.is_empty() {
            text.push_str(&format!("&zone={}", coded(&self.zone)));
        }
        text
    }
}

/// "1 Jun 2026 – 28 Jun 2026, Europe/Berlin".
pub fn period_text(period: &Period, p: &Page) -> String {
    let day = |date: NaiveDate| date.format("%-d %b %Y").to_string();
    let values: [(&str, Value<'_>); 3] = [
        ("from", day(period.from_on).into()),
        ("to", day(period.to_on).into()),
        ("zone", period.zone.name().into()),
    ];
    p.words.with("sla-period", &values).into_owned()
}

/// Zones to choose from; the first is the viewer's.
pub fn zone_choices(p: &Page) -> Vec<(String, String)> {
    let mut all = zones(p.words);
    all[0].1 = p.t("figures-own-zone").into_owned();
    all
}

/// A number and the list behind it.
pub struct Cell {
    pub text: String,
    pub place: Option<String>,
}

/// "Mon 1 Jun 2026".
pub fn week_text(monday: NaiveDate) -> String {
    monday.format("%a %-d %b %Y").to_string()
}

/// `delivery-figures-2026-06-01-2026-06-28.csv`
pub fn file_name(what: &str, period: &Period) -> String {
    format!("{what}-{}-{}.csv", period.from_on, period.to_on)
}

/// A report, or what is wrong with the question; everything else fails the page.
pub fn or_faults<T>(outcome: Result<T>) -> Result<(Option<T>, Vec<FieldError>)> {
    match outcome {
        Ok(report) => Ok((Some(report), Vec::new())),
        Err(Error::Invalid(errors)) => Ok((None, errors)),
        Err(other) => Err(other),
    }
}
