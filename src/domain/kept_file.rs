//! A file that came with a form which isn't done yet: its bytes are stored, and the form carries this word instead of them. Only
//! whoever brought them can bring them again.

use super::id::PersonId;
use super::link_token;

const LABEL: &str = "watchkeeper kept file";

/// What the form carries for these bytes, named by their hash.
pub fn token(hash: &[u8; 32], person: PersonId, secret: &[u8]) -> String {
    link_token::write(LABEL, secret, &payload(hash, person))
}

/// The hash that a form of this person carries; `None` for anything that we didn't sign for them.
pub fn hash(token: &str, person: PersonId, secret: &[u8]) -> Option<[u8; 32]> {
    let payload: [u8; 48] = link_token::read(LABEL, secret, token)?;
    let (hash, whose) = payload.split_first_chunk::<32>()?;
    (whose == person.uuid().as_bytes()).then_some(*hash)
}

fn payload(hash: &[u8; 32], person: PersonId) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..32].copy_from_slice(hash);
    bytes[32..].copy_from_slice(person.uuid().as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::Id;
    use crate::domain::timestamp::Timestamp;

    #[test]
    fn bytes_are_brought_again_by_whoever_brought_them() {
        let (ada, ben) = (
            Id::new(Timestamp::from_micros(1)),
            Id::new(Timestamp::from_micros(2)),
        );
        let kept = token(&[7; 32], ada, b"secret");
        assert_eq!(hash(&kept, ada, b"secret"), Some([7; 32]));
        assert_eq!(hash(&kept, ben, b"secret"), None);
        assert_eq!(hash(&kept, ada, b"other"), None);
        assert_eq!(hash("", ada, b"secret"), None);
    }
}
