//! Passwords that may be chosen, sessions and one-time links that may still be used, guesses that may still be made.

use super::refusal::{FieldError, Refusal};
use super::timestamp::Timestamp;
use super::word::words;

/// Shortest password, in characters: length is what resists guessing (NIST SP 800-63B, ASVS 6.2.1).
pub const PASSWORD_CHARS: usize = 10;
/// Longest, in bytes: enough for any phrase, and a bound for what is hashed.
pub const PASSWORD_BYTES: usize = 256;

/// A session that nobody used for this long is over.
pub const SESSION_IDLE_SECS: i64 = 3 * 24 * 3600;
/// And any session after this, however busy: somebody who left a browser open isn't there for ever.
pub const SESSION_SECS: i64 = 30 * 24 * 3600;
/// `seen_at` is written at most this often: reading a page shouldn't cost a write each time.
pub const SEEN_SECS: i64 = 300;

words! {
    /// What a one-time link lets its holder do.
    pub enum Purpose {
        /// Make the first admin.
        SetUp = "set_up",
        /// Choose the first password.
        Invite = "invite",
        /// Choose a new password.
        Reset = "reset",
    }
}

impl Purpose {
    /// For how long a link of this purpose works.
    pub const fn lasts_secs(self) -> i64 {
        match self {
            Purpose::SetUp => 7 * 24 * 3600,
            Purpose::Invite => 7 * 24 * 3600,
            Purpose::Reset => 3600,
        }
    }
}

/// The passwords that guessers try first and that are long enough to pass; compared in lower case.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "0987654321",
    "1q2w3e4r5t",
    "1qaz2wsx3edc",
    "qwertyuiop",
    "qwerty12345",
    "qwerty123456",
    "asdfghjkl;",
    "password12",
    "password123",
    "password1234",
    "passw0rd123",
    "iloveyou123",
    "letmein123",
    "welcome123",
    "welcome1234",
    "administrator",
    "admin12345",
    "changeme123",
    "watchkeeper",
    "correcthorsebatterystaple",
];

/// A password somebody wants to have. `about` are words that others know of them: name, mail address.
pub fn check_password(password: &str, about: &[&str]) -> Result<(), FieldError> {
    let wrong = |problem| FieldError::new("password", problem);
    if password.is_empty() {
        return Err(wrong("required"));
    }
    if password.chars().count() < PASSWORD_CHARS {
        return Err(wrong("password-short").with("min", PASSWORD_CHARS.to_string()));
    }
    if password.len() > PASSWORD_BYTES {
        return Err(wrong("password-long").with("max", PASSWORD_BYTES.to_string()));
    }
    let folded = password.to_lowercase();
    let one_letter = folded.chars().all(|c| folded.starts_with(c));
    let counting = folded
        .bytes()
        .zip(folded.bytes().skip(1))
        .all(|(a, b)| b == a + 1);
    if one_letter || counting || COMMON.contains(&folded.as_str()) {
        return Err(wrong("password-common"));
    }
    let known = about.iter().map(|word| word.trim().to_lowercase());
    for word in known.filter(|word| word.chars().count() >= 4) {
        let local = word.split('@').next().unwrap_or_default();
        if folded == word || folded.trim_matches(|c: char| !c.is_alphabetic()) == local {
            return Err(wrong("password-yours"));
        }
    }
    Ok(())
}

/// A session as it stands; whether it still counts is `Session::is_over`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    pub made_at: Timestamp,
    pub seen_at: Timestamp,
}

impl SessionTimes {
    pub fn is_over(&self, now: Timestamp) -> bool {
        now.secs_since(self.made_at) >= SESSION_SECS
            || now.secs_since(self.seen_at) >= SESSION_IDLE_SECS
    }

    /// Whether `seen_at` has fallen so far behind that it should be written.
    pub fn wants_touch(&self, now: Timestamp) -> bool {
        now.secs_since(self.seen_at) >= SEEN_SECS
    }

    /// When it ends if nobody uses it again.
    pub fn ends_at(&self) -> Timestamp {
        self.made_at
            .plus_secs(SESSION_SECS)
            .min(self.seen_at.plus_secs(SESSION_IDLE_SECS))
    }
}

/// How often something may be tried before it has to wait. Failures are counted per key (an account, a network address).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Tries that cost nothing.
    pub free: i64,
    /// The wait after the first try beyond them; doubles with each further one.
    pub first_wait_secs: i64,
    pub longest_wait_secs: i64,
    /// After this long without a try, all is forgotten.
    pub forget_secs: i64,
}

/// Guessing one account's password: 5 tries, then 2 s, 4 s … 15 minutes. Nobody is locked out for good by somebody else.
pub const ACCOUNT: Limit = Limit {
    free: 5,
    first_wait_secs: 2,
    longest_wait_secs: 900,
    forget_secs: 24 * 3600,
};
/// From one network address, on whatever accounts: an office behind one address has many hands.
pub const ADDRESS: Limit = Limit {
    free: 30,
    first_wait_secs: 2,
    longest_wait_secs: 900,
    forget_secs: 3600,
};
/// Letters to one mail address asking for a reset.
pub const RESET: Limit = Limit {
    free: 3,
    first_wait_secs: 300,
    longest_wait_secs: 6 * 3600,
    forget_secs: 24 * 3600,
};

/// What is remembered of tries under one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tries {
    pub count: i64,
    pub last_at: Timestamp,
}

impl Limit {
    /// Counts one more try at `now`, or says from when on it may be made. A refused try isn't counted: waiting helps.
    pub fn try_at(&self, before: Option<Tries>, now: Timestamp) -> Result<Tries, Refusal> {
        let Some(tries) = before.filter(|t| now.secs_since(t.last_at) < self.forget_secs) else {
            return Ok(Tries {
                count: 1,
                last_at: now,
            });
        };
        let free_at = tries.last_at.plus_secs(self.wait_secs(tries.count));
        if now < free_at {
            let secs = free_at.secs_since(now).max(1);
            return Err(Refusal::new("too-many-tries").with("seconds", secs.to_string()));
        }
        Ok(Tries {
            count: tries.count + 1,
            last_at: now,
        })
    }

    fn wait_secs(&self, tries: i64) -> i64 {
        let beyond = tries - self.free;
        if beyond < 0 {
            return 0;
        }
        let doubled = self.first_wait_secs.saturating_mul(1 << beyond.min(20));
        doubled.min(self.longest_wait_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    #[test]
    fn a_password_is_long_and_not_the_first_guess() {
        let about = ["Ada Lovelace", "ada.lovelace@example.org"];
        // (password, problem)
        let table = [
            ("", Some("required")),
            ("short-one", Some("password-short")),
            ("ten-chars!", None),
            ("ünfähigkeit", None),
            ("aaaaaaaaaaaaaaaa", Some("password-common")),
            ("abcdefghijkl", Some("password-common")),
            ("Password123", Some("password-common")),
            ("Ada Lovelace", Some("password-yours")),
            ("ada.lovelace1", Some("password-yours")),
            ("ada.lovelace@example.org", Some("password-yours")),
            ("ada.lovelace and engines", None),
        ];
        for (password, problem) in table {
            let answer = check_password(password, &about)
                .err()
                .map(|error| error.problem);
            assert_eq!(answer, problem, "{password:?}");
        }
        assert!(check_password(&"ab".repeat(128), &about).is_ok());
        assert!(check_password(&"ab".repeat(129), &about).is_err());
    }

    #[test]
    fn a_session_ends_idle_or_old() {
        let table = [
            (0, SESSION_IDLE_SECS - 1, false),
            (0, SESSION_IDLE_SECS, true),
            (SESSION_SECS - 10, SESSION_SECS - 1, false),
            (SESSION_SECS - 10, SESSION_SECS, true),
        ];
        for (seen, now, over) in table {
            let times = SessionTimes {
                made_at: T0,
                seen_at: T0.plus_secs(seen),
            };
            assert_eq!(
                times.is_over(T0.plus_secs(now)),
                over,
                "seen {seen}, now {now}"
            );
        }
    }

    #[test]
    fn guessing_slows_down_and_waiting_helps() {
        let mut tries = None;
        for _ in 0..5 {
            tries = Some(ACCOUNT.try_at(tries, T0).unwrap());
        }
        // The sixth must wait 2 s, and the refused try doesn't make it longer.
        for _ in 0..3 {
            let refusal = ACCOUNT.try_at(tries, T0.plus_secs(1)).unwrap_err();
            assert_eq!(refusal.args[0].1, "1");
        }
        let after = ACCOUNT.try_at(tries, T0.plus_secs(2)).unwrap();
        assert_eq!(after.count, 6);
        assert!(ACCOUNT.try_at(Some(after), T0.plus_secs(5)).is_err());
        assert!(ACCOUNT.try_at(Some(after), T0.plus_secs(6)).is_ok());
        let many = Tries {
            count: 4000,
            last_at: T0,
        };
        assert!(ACCOUNT.try_at(Some(many), T0.plus_secs(899)).is_err());
        assert!(ACCOUNT.try_at(Some(many), T0.plus_secs(900)).is_ok());
        let forgotten = ACCOUNT.try_at(Some(many), T0.plus_secs(24 * 3600)).unwrap();
        assert_eq!(forgotten.count, 1);
    }
}
