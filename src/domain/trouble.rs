//! What can be wrong with the house itself while it runs.

use super::word::words;

words! {
    pub enum TroubleKind {
        /// No page gets through to anybody.
        Delivery = "delivery",
        /// The disk is nearly full: nothing new is taken in.
        Disk = "disk",
    }
}

/// A page that was tried and hasn't got through for so long, while nothing else has, means that no way works, in seconds: the first
/// step of an escalation waits as long.
pub const UNHEARD_SECS: i64 = 300;

/// After the end of an escalation that nobody heard, the call to the admins gets so long to come through, in seconds.
pub const GRACE_SECS: i64 = 60;

/// While no page gets through, it is tried anew this often, in seconds.
pub const CALL_AGAIN_SECS: i64 = 600;

/// A disk as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    pub free_bytes: u64,
    pub size_bytes: u64,
}

/// Below which room nothing new is taken in: either is enough. 0 asks for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Least {
    pub bytes: u64,
    /// Of the disk's size.
    pub percent: u64,
}

impl Least {
    pub fn is_missed_by(self, room: Room) -> bool {
        let Room {
            free_bytes: free,
            size_bytes: size,
        } = room;
        free < self.bytes || u128::from(free) * 100 < u128::from(size) * u128::from(self.percent)
    }

    /// A tenth more: so much room there has to be until it is said that there is enough again.
    pub const fn with_a_margin(self) -> Least {
        Least {
            bytes: self.bytes.saturating_add(self.bytes / 10),
            percent: self.percent + self.percent.div_ceil(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_nearly_full_below_its_share_or_below_so_much() {
        const GB: u64 = 1 << 30;
        let least = Least {
            bytes: GB,
            percent: 5,
        };
        for (free_bytes, size_bytes, is_full, is_full_with_margin) in [
            (GB, 20 * GB, false, true),
            (GB - 1, 20 * GB, true, true),
            (GB + GB / 10, 10 * GB, false, false),
            (5 * GB, 100 * GB, false, true),
            (5 * GB - 1, 100 * GB, true, true),
            (6 * GB, 100 * GB, false, false),
            (0, 0, true, true),
        ] {
            let room = Room {
                free_bytes,
                size_bytes,
            };
            let found = (
                least.is_missed_by(room),
                least.with_a_margin().is_missed_by(room),
            );
            assert_eq!(found, (is_full, is_full_with_margin), "{room:?}");
        }
        let never = Least {
            bytes: 0,
            percent: 0,
        };
        let none = Room {
            free_bytes: 0,
            size_bytes: GB,
        };
        assert!(!never.is_missed_by(none) && !never.with_a_margin().is_missed_by(none));
    }
}
