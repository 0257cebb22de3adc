//! Tags that say what is live where no pipeline does: `deploy/<environment>/<version>`, and `env/<environment>`, which moves along.
//!
//! Where a repository holds several services, the service stands behind the environment: `deploy/prod/web/4.12.0`, `env/prod/web`.

use super::git::Oid;
use super::id::TicketKey;
use super::timestamp::Timestamp;

/// Folders of tags that are never taken for versions: what lies in them says where something is, not which it is.
pub const FOLDERS: [&str; 2] = ["deploy", "env"];

/// What a push set a tag to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The commit that it names, through however many tags.
    pub commit: Oid,
    /// When it was made; one without a message is as old as its commit.
    pub made_at: Timestamp,
    /// Shown, and gives no rights: anybody can write any name.
    pub tagger: Option<String>,
    /// Tickets that its message stands for.
    pub keys: Vec<TicketKey>,
}

/// What the name of a tag says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    /// As the house writes it.
    pub environment: &'a str,
    /// What stands behind the environment, from one `/` to the next.
    rest: &'a str,
    names_version: bool,
}

/// Which service of the house, and which version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// A name as it can stand in a tag; `None`: the repository's own.
    pub service: Option<&'a str>,
    pub version: Option<&'a str>,
}

/// Whether it lies in one of the folders that say what is live.
pub fn is_meant(ref_name: &str) -> bool {
    folder(ref_name).is_some()
}

fn folder(ref_name: &str) -> Option<(&str, &str)> {
    let (folder, rest) = ref_name.strip_prefix("refs/tags/")?.split_once('/')?;
    FOLDERS.contains(&folder).then_some((folder, rest))
}

/// Where the tag says that something is live; `None`: the house has no such environment, or it is no such tag.
pub fn place<'a>(ref_name: &'a str, environments: &'a [String]) -> Option<Place<'a>> {
    let (folder, rest) = folder(ref_name)?;
    let (named, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let environment = environments.iter().find(|it| tag_word(it) == named)?;
    let names_version = folder == "deploy";
    // `deploy/prod` doesn't say which.
    if names_version && rest.is_empty() {
        return None;
    }
    Some(Place {
        environment,
        rest,
        names_version,
    })
}

impl<'a> Place<'a> {
    /// The ways to read it, the likelier first: with a service behind the environment, and without.
    pub fn readings(&self) -> Vec<Said<'a>> {
        let given = |text: &'a str| Some(text).filter(|it| !it.is_empty());
        let (first, then) = self.rest.split_once('/').unwrap_or((self.rest, ""));
        let with_service = Said {
            service: given(first),
            version: given(then),
        };
        let without = Said {
            service: None,
            version: given(self.rest),
        };
        match (self.names_version, self.rest.is_empty()) {
            (true, _) if then.is_empty() => vec![without],
            (true, _) => vec![with_service, without],
            (false, true) => vec![without],
            (false, false) if then.is_empty() => vec![with_service],
            // `env/prod/web/something` is nobody's habit.
            (false, false) => Vec::new(),
        }
    }
}

/// A name as it stands in a tag: in small letters, and git takes no blanks.
pub fn tag_word(name: &str) -> String {
    let words: Vec<String> = name.split_whitespace().map(str::to_lowercase).collect();
    words.join("-")
}

/// Whether what `git describe` says is the tag of this very commit, and no distance to one.
pub fn is_exact(described: &str) -> bool {
    let is_hex = |text: &str| text.len() >= 4 && text.bytes().all(|it| it.is_ascii_hexdigit());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let mut ends = described.rsplitn(3, '-');
    let (last, middle) = (ends.next().unwrap_or(""), ends.next().unwrap_or(""));
    let is_distance = last.strip_prefix('g').is_some_and(is_hex) && is_number(middle);
    // No tag at all: the abbreviated id. A version of digits alone has a dot, or is a year.
    let is_id = described.len() >= 7 && is_hex(described) && !is_date(described);
    !is_distance && !is_id
}

/// `20261201` is hex by chance.
fn is_date(text: &str) -> bool {
    text.len() == 8
        && (text.starts_with("19") || text.starts_with("20"))
        && text.bytes().all(|it| it.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house() -> Vec<String> {
        vec!["prod".into(), "Staging EU".into()]
    }

    type Readings = Vec<(Option<String>, Option<String>)>;

    fn read(name: &str) -> Option<(String, Readings)> {
        let house = house();
        let found = place(name, &house)?;
        let own = |text: Option<&str>| text.map(str::to_owned);
        let said = found.readings().into_iter();
        let said = said.map(|it| (own(it.service), own(it.version))).collect();
        Some((found.environment.to_owned(), said))
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn a_tag_says_where_and_which() {
        let prod = |said| Some(("prod".to_owned(), said));
        assert_eq!(
            read("refs/tags/deploy/prod/4.12.0"),
            prod(vec![(None, some("4.12.0"))])
        );
        assert_eq!(
            read("refs/tags/deploy/prod/web/4.12.0"),
            prod(vec![
                (some("web"), some("4.12.0")),
                (None, some("web/4.12.0"))
            ])
        );
        assert_eq!(read("refs/tags/env/prod"), prod(vec![(None, None)]));
        assert_eq!(
            read("refs/tags/env/prod/web"),
            prod(vec![(some("web"), None)])
        );
        assert_eq!(
            read("refs/tags/env/staging-eu"),
            Some(("Staging EU".to_owned(), vec![(None, None)]))
        );
        assert_eq!(read("refs/tags/env/prod/web/x"), prod(vec![]));
    }

    #[test]
    fn what_names_no_environment_of_the_house_says_nothing() {
        for name in [
            "refs/tags/deploy/prod",
            "refs/tags/deploy/PROD/4.12.0",
            "refs/tags/deploy/production/1",
            "refs/tags/env/porduction",
            "refs/heads/deploy/prod/1",
            "refs/tags/v4.12.0",
            "refs/tags/environment/prod",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
        assert!(is_meant("refs/tags/env/porduction"));
        assert!(!is_meant("refs/tags/v4.12.0"));
        assert!(!is_meant("refs/tags/env"));
    }

    #[test]
    fn a_distance_to_a_tag_is_no_version_of_this_commit() {
        for exact in [
            "v4.12.0",
            "web/4.12.0",
            "4.12.0-rc-1",
            "20261201",
            "2026.12",
            "v1-3-good",
        ] {
            assert!(is_exact(exact), "{exact}");
        }
        for other in [
            "v4.12.0-3-gabc1234",
            "abc1234",
            "4.12.0-rc-1-12-g00ff00ff00",
        ] {
            assert!(!is_exact(other), "{other}");
        }
    }
}
