//! The mutation run: the project's own mail samples, broken in every way that a line, a boundary or a byte can be, are delivered to
//! a real server by LMTP. Each must be accepted, and afterwards stand once in the ledger with a verdict.
//!
//! ```sh
//! cargo bench --bench mutate -- --mails 50000 --seed 7
//! cargo bench --bench mutate -- --mails 500 --keep /tmp/broken
//! cargo bench --bench mutate -- --database postgres://user@host/empty_database
//! ```
//! The seed decides every mutation; it is printed with the counts. `--keep` writes each mail that wasn't accepted, or at which reading
//! failed, into a folder. Ends with an error if a mail was refused, lost or doubled, if reading one failed, or if the server fell.

mod rig;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rig::{Lmtp, Post, Relay};
use watchkeeper::config::Config;
use watchkeeper::domain::intake::{HeldFor, MailState};
use watchkeeper::domain::timestamp::Timestamp;
use watchkeeper::store::backend::DatabaseUrl;
use watchkeeper::store::intake::{LedgerFilter, StoredMail};
use watchkeeper::store::{self, Store};

const CLIENTS: usize = 4;
/// Wounds of one mail: most have few, so that what is left still looks like mail.
const WOUNDS: u64 = 5;
/// Larger ones come from nesting and doubling; more would only measure the disk.
const MOST_BYTES: usize = 512 * 1024;
/// So long nothing may happen before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(120);
const PAGE: i64 = 1_000;

struct Options {
    database: Option<String>,
    mails: usize,
    seed: u64,
    keep: Option<PathBuf>,
}

fn options() -> Options {
    let mut options = Options {
        database: None,
        mails: 50_000,
        seed: u64::from_le_bytes(
            uuid::Uuid::new_v4().as_bytes()[..8]
                .try_into()
                .expect("8 bytes"),
        ) >> 32,
        keep: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .unwrap_or_else(|| panic!("{word} wants a value"))
        };
        match word.as_str() {
            "--database" => options.database = Some(value()),
            "--mails" => options.mails = value().parse().expect("a number of mails"),
            "--seed" => options.seed = value().parse().expect("a number"),
            "--keep" => options.keep = Some(PathBuf::from(value())),
            "--bench" => {}
            other => panic!("unknown option {other}"),
        }
    }
    options
}

/// SplitMix64: whatever happens to a mail comes from the seed and the mail's number alone.
struct Dice(u64);

impl Dice {
    fn of_mail(seed: u64, number: usize) -> Self {
        Self(seed ^ (number as u64).wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    /// Below `sides`, which must not be 0.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % sides as u64) as usize
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())]
    }

    fn sample<'a>(&mut self, of: &'a [Vec<u8>]) -> &'a Vec<u8> {
        &of[self.roll(of.len())]
    }
}

/// The mails that everything is made of.
fn samples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/mail");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the samples are there")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.is_file())
        .collect();
    // The order of a folder is nobody's promise.
    files.sort();
    assert!(!files.is_empty(), "no samples");
    files
        .iter()
        .map(|file| std::fs::read(file).expect("a sample"))
        .collect()
}

/// A mail with a sender and an id of its own, and wounds.
fn wounded(samples: &[Vec<u8>], seed: u64, number: usize) -> Vec<u8> {
    let mut dice = Dice::of_mail(seed, number);
    let mut mail = dice.sample(samples).clone();
    // Half of them are from somebody of their own: else all would soon be held as a flood.
    if dice.roll(2) == 0 {
        mail = named(&mail, number);
    }
    for _ in 0..=dice.roll(WOUNDS as usize) {
        mail = wound(mail, samples, &mut dice);
        mail.truncate(MOST_BYTES);
    }
    mail
}

fn named(mail: &[u8], number: usize) -> Vec<u8> {
    let lines = lines(mail).into_iter().map(|line| {
        let name = line.to_ascii_lowercase();
        if name.starts_with(b"from: ") {
            format!("From: Sender {number} <m{number}@mutate.example>\r\n").into_bytes()
        } else if name.starts_with(b"message-id: ") {
            format!("Message-ID: <m{number}@mutate.example>\r\n").into_bytes()
        } else {
            line.to_vec()
        }
    });
    lines.collect::<Vec<_>>().concat()
}

/// With their ends.
fn lines(mail: &[u8]) -> Vec<&[u8]> {
    mail.split_inclusive(|byte| *byte == b'\n').collect()
}

const CHARSETS: &[&str] = &[
    "utf-8",
    "utf-7",
    "utf-16",
    "iso-2022-jp",
    "iso-2022-kr",
    "gb18030",
    "hz-gb-2312",
    "big5",
    "ks_c_5601-1987",
    "cp-850",
    "x-unknown",
    "ansi",
    "\"",
    "iso-8859-8-i",
    "koi8-r",
];
const ENCODINGS: &[&str] = &[
    "base64",
    "quoted-printable",
    "8bit",
    "x-uuencode",
    "binary",
    "BASE64 ",
    "none",
];

fn wound(mail: Vec<u8>, samples: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    if mail.is_empty() {
        return dice.sample(samples).clone();
    }
    match dice.roll(16) {
        0 => flip(mail, dice),
        1 => by_line(&mail, dice, |_, _| Vec::new()),
        2 => by_line(&mail, dice, |line, _| line.repeat(2)),
        3 => swap(&mail, dice),
        // Folded in the middle of anything, with or without the blank that makes it a fold.
        4 => by_line(&mail, dice, |line, dice| {
            let fold: &[u8] = dice.pick(&[&b"\r\n "[..], b"\r\n\t", b"\r\n", b"\n ", b"\r"]);
            cut_in(line, fold, dice)
        }),
        5 => replace(&mail, b"boundary=", b"boundary=\"x", dice),
        6 => replace(
            &mail,
            b"--",
            dice.pick(&[&b"-"[..], b"---", b"- -", b""]),
            dice,
        ),
        7 => named_value(&mail, b"charset=", dice.pick(CHARSETS)),
        8 => {
            let value = format!(" {}", dice.pick(ENCODINGS));
            named_value(&mail, b"Content-Transfer-Encoding:", &value)
        }
        9 => {
            let end = dice.roll(mail.len());
            mail[..end].to_vec()
        }
        10 => mail[dice.roll(mail.len())..].to_vec(),
        11 => nested(&mail, dice),
        12 => spliced(&mail, dice.sample(samples), dice),
        // A header line becomes long, strange, or many.
        13 => by_line(&mail, dice, |line, dice| {
            let word: &[u8] = dice.pick(&[
                &b"=?utf-8?b?4pi"[..],
                b"=?x?q?=0D=0ABcc:_a@b?=",
                b"(((((",
                b"\"\"<<>>",
                b"\xff\xfe\x00",
                b";;;=",
                b"a@b,",
            ]);
            let times = 1 + dice.roll(200);
            [line.trim_ascii_end(), &word.repeat(times), b"\r\n"].concat()
        }),
        14 => strewn(mail, dice),
        _ => {
            let end: &[u8] = dice.pick(&[&b"\n"[..], b"\r", b"\r\r\n", b"\n\n", b"\x0c"]);
            let all = lines(&mail);
            all.iter()
                .flat_map(|line| [line.trim_ascii_end(), end])
                .collect::<Vec<_>>()
                .concat()
        }
    }
}

fn flip(mut mail: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.roll(20) {
        let at = dice.roll(mail.len());
        mail[at] ^= 1 << dice.roll(8);
    }
    mail
}

/// One line, changed.
fn by_line(mail: &[u8], dice: &mut Dice, change: fn(&[u8], &mut Dice) -> Vec<u8>) -> Vec<u8> {
    let lines = lines(mail);
    let at = dice.roll(lines.len());
    let changed = change(lines[at], dice);
    [
        &lines[..at].concat(),
        &changed[..],
        &lines[at + 1..].concat(),
    ]
    .concat()
}

fn cut_in(line: &[u8], with: &[u8], dice: &mut Dice) -> Vec<u8> {
    let at = dice.roll(line.len() + 1);
    [&line[..at], with, &line[at..]].concat()
}

fn swap(mail: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut lines = lines(mail);
    let (one, other) = (dice.roll(lines.len()), dice.roll(lines.len()));
    lines.swap(one, other);
    lines.concat()
}

/// One occurrence of `what`, any of them.
fn replace(mail: &[u8], what: &[u8], with: &[u8], dice: &mut Dice) -> Vec<u8> {
    let found: Vec<usize> = memchr::memmem::find_iter(mail, what).collect();
    if found.is_empty() {
        return mail.to_vec();
    }
    let at = dice.pick(&found);
    [&mail[..at], with, &mail[at + what.len()..]].concat()
}

/// What stands behind each `name` becomes `value`.
fn named_value(mail: &[u8], name: &[u8], value: &str) -> Vec<u8> {
    let changed = lines(mail)
        .into_iter()
        .map(|line| match memchr::memmem::find(line, name) {
            Some(at) => [&line[..at + name.len()], value.as_bytes(), b"\r\n"].concat(),
            None => line.to_vec(),
        });
    changed.collect::<Vec<_>>().concat()
}

/// Inside a mail that carries it, in one of the ways in which mails are carried, up to far too deep.
fn nested(mail: &[u8], dice: &mut Dice) -> Vec<u8> {
    let depth = 1 + dice.roll(60);
    let kind = dice.pick(&[
        "multipart/mixed",
        "multipart/alternative",
        "multipart/digest",
    ]);
    let mut head = format!("From: nest@mutate.example\r\nSubject: Nested {depth}\r\n");
    for level in 0..depth {
        head.push_str(&format!(
            "Content-Type: {kind}; boundary=n{level}\r\n\r\n--n{level}\r\n"
        ));
    }
    if dice.roll(2) == 0 {
        head.push_str("Content-Type: message/rfc822\r\n\r\n");
    }
    [head.as_bytes(), mail].concat()
}

/// The beginning of one and the end of another.
fn spliced(mail: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let (end, begin) = (dice.roll(mail.len()), dice.roll(other.len()));
    [&mail[..end], &other[begin..]].concat()
}

/// Bytes that mean something somewhere, here and there.
fn strewn(mut mail: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    const BYTES: &[u8] = b"\0\r\n\x1b\x1a\x7f\x80\xff<>\"\\=?;:.";
    for _ in 0..=dice.roll(30) {
        let at = dice.roll(mail.len() + 1);
        mail.insert(at, dice.pick(BYTES));
    }
    mail
}

fn sender_of(number: usize) -> String {
    format!("m{number}@envelope.example")
}

fn main() {
    let options = options();
    println!("seed {}, {} mails", options.seed, options.mails);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = Config::in_folder(folder.path());
    if let Some(url) = &options.database {
        config.database = DatabaseUrl::parse(url).expect("a database");
    }
    rig::found(&config);
    let relay = Relay::start();
    let post = Post::new(&config, folder.path(), relay.address);
    let mut server = post.start();
    listens(&post);
    let samples = samples();
    let began = Instant::now();
    let (next, refused) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| deliver_all(&options, &post, &samples, &next, &refused));
        }
    });
    let accepted_in = began.elapsed();
    let store = Store::open(&config.database).expect("the database opens");
    rest(&store);
    println!(
        "accepted in {:.1} s, decided about after {:.1} s",
        accepted_in.as_secs_f64(),
        began.elapsed().as_secs_f64()
    );
    let refused = refused.into_inner().expect("no client fell");
    let mut faults = tell_refused(&options, &samples, &refused);
    let ledger = ledger(&store);
    faults += count(&options, &samples, &ledger, &refused);
    if server.has_ended() {
        println!("the server fell");
        faults += 1;
    }
    server.stop();
    if faults > 0 {
        println!("{faults} faults; again with --seed {}", options.seed);
        std::process::exit(1);
    }
    println!("nothing lost, nothing twice");
}

/// The web is there before the mail is.
fn listens(post: &Post) {
    let began = Instant::now();
    while Lmtp::connect(post.lmtp).is_err() {
        assert!(began.elapsed() < PATIENCE, "nobody takes mail");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn deliver_all(
    options: &Options,
    post: &Post,
    samples: &[Vec<u8>],
    next: &AtomicUsize,
    refused: &Mutex<Vec<(usize, String)>>,
) {
    let mut link = None;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= options.mails {
            return;
        }
        let mail = wounded(samples, options.seed, number);
        // Every other one as its bytes are; between them as a mail server sends them on.
        let outcome = (|| {
            let open = match link.take() {
                Some(open) => open,
                None => Lmtp::connect(post.lmtp)?,
            };
            let open = link.insert(open);
            match number % 2 {
                0 => open.deliver_bytes(&sender_of(number), &mail),
                _ => open.deliver_lines(&sender_of(number), &mail),
            }
        })();
        if let Err(error) = outcome {
            link = None;
            let mut refused = refused.lock().expect("no client fell");
            refused.push((number, error.to_string().trim().to_owned()));
        }
    }
}

/// Waits until nothing waits, as long as anything moves.
fn rest(store: &Store) {
    let mut moved = (Instant::now(), i64::MAX);
    loop {
        let (waiting, _) = store.read(store::intake::backlog).expect("the backlog");
        if waiting == 0 || moved.0.elapsed() > PATIENCE {
            return;
        }
        if waiting < moved.1 {
            moved = (Instant::now(), waiting);
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn keep(options: &Options, samples: &[Vec<u8>], number: usize) {
    let Some(folder) = &options.keep else { return };
    std::fs::create_dir_all(folder).expect("the folder");
    let file = folder.join(format!("{}-{number}.eml", options.seed));
    std::fs::write(file, wounded(samples, options.seed, number)).expect("kept");
}

fn tell_refused(options: &Options, samples: &[Vec<u8>], refused: &[(usize, String)]) -> usize {
    for (number, why) in refused {
        println!("mail {number} was not accepted: {why}");
        keep(options, samples, *number);
    }
    refused.len()
}

/// All of it, oldest last.
fn ledger(store: &Store) -> Vec<StoredMail> {
    let mut all: Vec<StoredMail> = Vec::new();
    let mut before: Option<(Timestamp, _)> = None;
    loop {
        let page = store
            .read(|conn| store::intake::ledger(conn, &LedgerFilter::default(), before, PAGE))
            .expect("the ledger");
        let is_last = (page.len() as i64) < PAGE;
        before = page.last().map(|mail| (mail.received_at, mail.id));
        all.extend(page);
        if is_last {
            return all;
        }
    }
}

/// The verdicts, and how many promises were broken.
fn count(
    options: &Options,
    samples: &[Vec<u8>],
    ledger: &[StoredMail],
    refused: &[(usize, String)],
) -> usize {
    let mut faults = 0;
    let mut rows: HashMap<&str, usize> = HashMap::new();
    let mut verdicts: HashMap<String, usize> = HashMap::new();
    for mail in ledger {
        let sender = mail.envelope_from.as_deref().unwrap_or_default();
        *rows.entry(sender).or_default() += 1;
        let verdict = match (mail.verdict, mail.held_for) {
            (None, _) => "none".to_owned(),
            (Some(verdict), None) => verdict.as_str().to_owned(),
            (Some(verdict), Some(why)) => format!("{verdict}: {why}"),
        };
        *verdicts.entry(verdict).or_default() += 1;
        let has_failed = mail.held_for == Some(HeldFor::Failed);
        if mail.state == MailState::Waiting || mail.verdict.is_none() || has_failed {
            println!("{sender} has no verdict of its own: {}", mail.detail);
            if let Some(number) = number_of(sender) {
                keep(options, samples, number);
            }
            faults += 1;
        }
    }
    let mut verdicts: Vec<_> = verdicts.into_iter().collect();
    verdicts.sort();
    for (verdict, count) in verdicts {
        println!("{verdict:<40} {count:>7}");
    }
    for number in 0..options.mails {
        let was_refused = refused.iter().any(|(refused, _)| *refused == number);
        let times = rows.get(sender_of(number).as_str()).copied().unwrap_or(0);
        // One whose connection broke may have been stored: that is for its sender to find out.
        if times > 1 || times == 0 && !was_refused {
            println!("mail {number} stands {times} times in the ledger");
            keep(options, samples, number);
            faults += 1;
        }
    }
    println!(
        "{} sent, {} refused, {} in the ledger",
        options.mails,
        refused.len(),
        ledger.len()
    );
    faults
}

fn number_of(sender: &str) -> Option<usize> {
    sender.strip_prefix('m')?.split('@').next()?.parse().ok()
}
