//! The way of a mail through the world as it is: `swaks` gives it to a real Postfix, which brings it by LMTP; the answer leaves through
//! Postfix and lands in a mailbox of a real Dovecot; what that one refuses comes back as Postfix's own bounce.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use watchkeeper::domain::intake::{Verdict, Way};
use watchkeeper::domain::severity::Severity;
use watchkeeper::store::intake::StoredMail;

use crate::accounts::founded;
use crate::both_databases;
use crate::cluster::is_root;
use crate::imap::{ledger, until};
use crate::machine::Machine;
use crate::mail::{takes_mail, ticket, tickets, timeline};
use crate::mail_server::{Hand, dovecot, new_user};
use crate::running::free_port;

/// A Postfix of this story alone. It goes with it.
struct Postfix {
    folder: PathBuf,
    port: u16,
    keeper: std::process::Child,
}

/// Postfix wants to be started by root, as its package does.
fn as_root(name: &str) -> Command {
    if is_root() {
        return Command::new(name);
    }
    let mut command = Command::new("sudo");
    command.arg(name);
    command
}

impl Postfix {
    /// Brings mail for `watch.example.org` to `lmtp`, and mail for `mailbox.example` to Dovecot.
    fn new(lmtp: u16) -> Self {
        let port = free_port();
        let folder = PathBuf::from(format!("/tmp/wk-postfix-{}-{port}", std::process::id()));
        for part in ["etc", "queue", "data"] {
            std::fs::create_dir_all(folder.join(part)).expect("a temporary folder");
        }
        let place = folder.display();
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {place}/queue\ndata_directory = {place}/data\n\
             command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\n\
             mail_owner = postfix\nsetgid_group = postdrop\nmaillog_file = {place}/log\nmaillog_file_prefixes = /tmp\n\
             myhostname = mx.mailbox.example\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             mynetworks = 127.0.0.0/8\nrelay_domains = watch.example.org mailbox.example\nlocal_recipient_maps =\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\nalias_maps =\n\
             transport_maps = inline:{{ {{watch.example.org = lmtp:inet:127.0.0.1:{lmtp}}}, {{mailbox.example = lmtp:inet:127.0.0.1:{}}} }}\n\
             minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n",
            dovecot().lmtp
        );
        std::fs::write(folder.join("etc/main.cf"), main).expect("a file");
        let master: String = [
            &format!("127.0.0.1:{port} inet n - n - - smtpd"),
            "pickup unix n - n 60 1 pickup",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 1 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "flush unix n - n 1000? 0 flush",
            "proxymap unix - - n - - proxymap",
            "smtp unix - - n - - smtp",
            "relay unix - - n - - smtp",
            "showq unix n - n - - showq",
            "error unix - - n - - error",
            "retry unix - - n - - error",
            "discard unix - - n - - discard",
            "lmtp unix - - n - - lmtp",
            "anvil unix - - n - 1 anvil",
            "postlog unix-dgram n - n - 1 postlogd",
        ]
        .map(|line| format!("{line}\n"))
        .concat();
        std::fs::write(folder.join("etc/master.cf"), master).expect("a file");
        // It ends with this process, however this process ends: the shell waits for our end of the pipe to close.
        let script = format!(
            "chown postfix {place}/data && postfix -c {place}/etc start >{place}/said 2>&1; cat >/dev/null; \
             postfix -c {place}/etc stop >/dev/null 2>&1; rm -rf {place}"
        );
        let keeper = as_root("sh")
            .args(["-c", &script])
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let postfix = Self {
            folder,
            port,
            keeper,
        };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "Postfix (Debian's package `postfix`) didn't start:\n{}",
                postfix.log()
            );
            crate::waiting::look_again();
        }
        postfix
    }

    fn log(&self) -> String {
        let read = |name| std::fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("said"), read("log")].concat()).into_owned()
    }

    /// Hands it a mail with `swaks`.
    #[track_caller]
    fn send(&self, from: &str, to: &str, raw: &str) {
        let mut child = Command::new("swaks")
            .args(["--server", &format!("127.0.0.1:{}", self.port)])
            .args(["--from", from, "--to", to, "--data", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("swaks runs (Debian's package `swaks`)");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(raw.as_bytes()).expect("it listens");
        drop(stdin);
        let done = child.wait_with_output().expect("it ends");
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stdout)
        );
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// The value of a header line of a mail that a mailbox shows.
fn header(mail: &[String], name: &str) -> String {
    let begin = format!("{name}: ");
    let mut lines = mail.iter().skip_while(|line| !line.starts_with(&begin));
    let mut value = lines
        .next()
        .map(|line| line[begin.len()..].to_owned())
        .unwrap_or_default();
    for more in lines.take_while(|line| line.starts_with([' ', '\t'])) {
        value.push_str(more);
    }
    value
}

fn verdicts(mails: &[StoredMail]) -> Vec<Option<Verdict>> {
    mails.iter().rev().map(|mail| mail.verdict).collect()
}

both_databases!(
    a_mail_waits_for_us_is_answered_and_its_reply_and_its_bounce_find_their_ticket,
    |desk| {
        founded(&desk);
        let lmtp = free_port();
        let postfix = Postfix::new(lmtp);
        let carol = format!("{}@mailbox.example", new_user());
        let user = carol.split('@').next().unwrap();
        let house = "support@watch.example.org";
        // Nobody of the house is told: on a working day their notices would come back too, since nobody is at their address.
        takes_mail(&desk, house, |rule| {
            rule.severity = Some(Severity::Information);
        });
        let first = format!(
            "From: Carol <{carol}>\r\nTo: {house}\r\nMessage-ID: <one@mailbox.example>\r\nSubject: Uplink down\r\n\r\nSince noon.\r\n"
        );
        // 1. Nobody serves: Postfix keeps it.
        postfix.send(&carol, house, &first);
        until("a deferral", || postfix.log().contains("status=deferred"));
        let machine = Machine::beside(&desk);
        let relay = format!("smtp://127.0.0.1:{}", postfix.port);
        let listen = format!("127.0.0.1:{lmtp}");
        let args = [
            "--lmtp-listen",
            &listen,
            "--smtp-relay",
            &relay,
            "--mail-from",
            house,
            "--public-url",
            "https://watch.example.org",
            "--min-free-mb",
            "0",
            "--min-free-percent",
            "0",
        ];
        let serving = machine.serve(&args);
        let mut hand = Hand::of(user);
        until("an answer", || hand.flags("INBOX").len() == 1);
        assert_eq!(tickets(&desk), 1);
        let mail = ledger(&desk).remove(0);
        assert_eq!((mail.way, mail.verdict), (Way::Lmtp, Some(Verdict::Opened)));
        assert_eq!(mail.envelope_from.as_deref(), Some(carol.as_str()));

        // 2. The answer threads, and what is sent to its address lands on the ticket.
        let answer = hand.say("UID FETCH 1 (BODY[])");
        assert!(header(&answer, "Subject").contains("INC-1"), "{answer:#?}");
        assert_eq!(header(&answer, "In-Reply-To"), "<one@mailbox.example>");
        let reply_to = header(&answer, "Reply-To");
        let reply_to = reply_to.trim_end_matches('>');
        let reply_to = reply_to.rsplit('<').next().unwrap();
        let reply = format!(
            "From: Carol <{carol}>\r\nTo: {reply_to}\r\nMessage-ID: <two@mailbox.example>\r\nDate: Sun, 29 Nov 2026 12:00:00 +0000\r\nIn-Reply-To: {}\r\nSubject: Re: {}\r\n\r\nIt is back.\r\n",
            header(&answer, "Message-ID"),
            header(&answer, "Subject")
        );
        // The same mail twice is one: with a date of its own, since Postfix writes its own into a mail that has none.
        postfix.send(&carol, reply_to, &reply);
        postfix.send(&carol, reply_to, &reply);
        until("two more", || {
            let mails = ledger(&desk);
            mails.len() == 3 && mails.iter().all(|mail| mail.verdict.is_some())
        });
        assert_eq!(
            verdicts(&ledger(&desk)),
            [
                Some(Verdict::Opened),
                Some(Verdict::Appended),
                Some(Verdict::Duplicate)
            ]
        );
        let said = timeline(&desk, "INC-1");
        assert!(
            said.iter().any(|entry| entry.body.contains("It is back.")),
            "{said:?}"
        );

        // 3. A sender whose mailbox is none: the answer bounces, and the bounce finds the ticket.
        let lost = "nobody-here@mailbox.example";
        let second = format!(
            "From: {lost}\r\nTo: {house}\r\nMessage-ID: <three@mailbox.example>\r\nSubject: Disk full\r\n\r\nx\r\n"
        );
        postfix.send(lost, house, &second);
        until("a bounce", || {
            ledger(&desk)
                .iter()
                .any(|mail| mail.verdict == Some(Verdict::Bounce))
        });
        let bounce = ledger(&desk).remove(0);
        assert_eq!(bounce.envelope_from.as_deref(), Some(""), "{bounce:?}");
        assert_eq!(bounce.ticket, Some(ticket(&desk, "INC-2").id));
        assert_eq!(tickets(&desk), 2);
        drop(serving);
    }
);
