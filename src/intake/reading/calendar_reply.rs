//! The answer to an invitation: `METHOD:REPLY` (RFC 5546, 3.2.3).

use icalendar::parser::{Component, Property, read_calendar_simple, unfold};

use crate::domain::letter::CalendarAnswer;
use crate::domain::postmortem::Attendance;
use crate::domain::text::EmailAddress;

/// Bytes that are looked at: an answer to one meeting is far shorter.
const MOST_BYTES: usize = 64 * 1024;
/// Components in one another and side by side: a calendar, an event, its zone and alarms.
const MOST_COMPONENTS: usize = 50;

/// What it answers, and to what; nothing for anything else.
pub fn answer(bytes: &[u8]) -> Option<CalendarAnswer> {
    let text = String::from_utf8_lossy(bytes.get(..MOST_BYTES).unwrap_or(bytes));
    // Counted before the work: the parser follows them as deep as they go.
    if text.matches("BEGIN:").count() > MOST_COMPONENTS {
        return None;
    }
    let text = unfold(&text);
    let components = read_calendar_simple(&text).ok()?;
    let calendar = components.iter().find(|it| is_named(it, "VCALENDAR"))?;
    let method = property(calendar, "METHOD")?;
    if !method.val.as_str().eq_ignore_ascii_case("REPLY") {
        return None;
    }
    let event = calendar
        .components
        .iter()
        .find(|it| is_named(it, "VEVENT"))?;
    let attendee = property(event, "ATTENDEE")?;
    let status = attendee
        .params
        .iter()
        .find(|it| it.key.as_str().eq_ignore_ascii_case("PARTSTAT"))?;
    let attendance = match status.val.as_ref()?.as_str().to_ascii_uppercase().as_str() {
        "ACCEPTED" => Attendance::Accepted,
        "TENTATIVE" => Attendance::Tentative,
        "DECLINED" => Attendance::Declined,
        _ => return None,
    };
    let address = attendee.val.as_str();
    let address = match address.get(..7) {
        Some(scheme) if scheme.eq_ignore_ascii_case("mailto:") => &address[7..],
        _ => address,
    };
    Some(CalendarAnswer {
        uid: property(event, "UID")?.val.as_str().trim().to_owned(),
        attendee: EmailAddress::parse(address.trim()).ok()?,
        attendance,
    })
}

fn is_named(component: &Component<'_>, name: &str) -> bool {
    component.name.as_str().eq_ignore_ascii_case(name)
}

fn property<'c>(component: &'c Component<'_>, name: &str) -> Option<&'c Property<'c>> {
    component
        .properties
        .iter()
        .find(|it| it.name.as_str().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(method: &str, status: &str) -> String {
        format!(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:{method}\r\nBEGIN:VEVENT\r\nUID:meeting-1@watch.exam\r\n ple.org\r\nATTENDEE;CN=\"Ines, the keeper\";PARTSTAT={status};ROLE=REQ-PARTICIPANT:MAILTO:ines@northst\r\n ar.example\r\nDTSTAMP:20260601T090000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
        )
    }

    #[test]
    fn an_answer_says_who_and_what_to_which_invitation() {
        for (status, attendance) in [
            ("ACCEPTED", Attendance::Accepted),
            ("tentative", Attendance::Tentative),
            ("DECLINED", Attendance::Declined),
        ] {
            let read = answer(reply("REPLY", status).as_bytes()).expect(status);
            assert_eq!(read.attendance, attendance);
            assert_eq!(read.uid, "meeting-1@watch.example.org");
            assert_eq!(read.attendee.as_str(), "ines@northstar.example");
        }
        // Unix line ends are as good.
        assert!(answer(reply("REPLY", "ACCEPTED").replace('\r', "").as_bytes()).is_some());
        for other in [
            reply("REQUEST", "ACCEPTED"),
            reply("REPLY", "NEEDS-ACTION"),
            reply("REPLY", "ACCEPTED").replace("UID", "XID"),
            reply("REPLY", "ACCEPTED").replace("MAILTO:ines@", "MAILTO:"),
            "BEGIN:VCALENDAR\r\n".repeat(100_000),
            String::new(),
            "\0\u{feff}BEGIN:".to_owned(),
        ] {
            assert_eq!(answer(other.as_bytes()), None);
        }
    }
}
