//! `watchkeeper calc`: questions on standard input, answers on standard output, a line of JSON each. Needs no database, no
//! server and no configuration.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};

use anyhow::Context;

use crate::calc::{Calculator, LINE_BYTES};

/// What is read at once, and about what is written at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// Answers every line. A line that has no answer says why on its own line; only reading or writing can fail.
pub(super) fn run() -> anyhow::Result<()> {
    let input = BufReader::with_capacity(CHUNK_BYTES, io::stdin().lock());
    match answer_all(input, io::stdout().lock()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("calc"),
    }
}

fn answer_all<R: Read>(mut input: BufReader<R>, mut output: impl Write) -> io::Result<()> {
    let mut calculator = Calculator::default();
    let (mut line, mut out) = (Vec::new(), Vec::with_capacity(2 * CHUNK_BYTES));
    for number in 1.. {
        line.clear();
        let most = LINE_BYTES as u64 + 1;
        if input.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_whole = line.last() == Some(&b'\n');
        if is_whole || line.len() <= LINE_BYTES {
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            calculator.answer(number, line, &mut out);
        } else {
            Calculator::too_long(number, &mut out);
            input.skip_until(b'\n')?;
        }
        // Whoever asks one question and waits is answered at once.
        if out.len() >= CHUNK_BYTES || input.buffer().is_empty() {
            output.write_all(&out)?;
            output.flush()?;
            out.clear();
        }
    }
    output.write_all(&out)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = r#"{"id":1,"op":"cal.open","calendar":{"tz":"UTC"},"at":[]}"#;
    const ANSWER: &str = "{\"id\":1,\"open\":[]}\n";

    fn told(input: &[u8]) -> String {
        let mut out = Vec::new();
        answer_all(BufReader::with_capacity(64, input), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_last_line_needs_no_line_feed_and_windows_ones_do_no_harm() {
        assert_eq!(told(b""), "");
        assert_eq!(told(QUESTION.as_bytes()), ANSWER);
        assert_eq!(
            told(format!("{QUESTION}\r\n\r\n{QUESTION}\n").as_bytes()),
            ANSWER.repeat(2)
        );
    }

    #[test]
    fn a_line_beyond_measure_is_refused_and_the_next_one_answered() {
        let mut input = vec![b' '; LINE_BYTES + 7];
        input.push(b'\n');
        input.extend_from_slice(QUESTION.as_bytes());
        let told = told(&input);
        let (refusal, answer) = told.split_once('\n').unwrap();
        assert!(refusal.contains("\"code\":\"line-too-long\"") && refusal.contains("\"line\":1"));
        assert_eq!(answer, ANSWER);
        // One that just fits is looked at.
        let mut input = QUESTION.as_bytes().to_vec();
        input.resize(LINE_BYTES, b' ');
        assert_eq!(self::told(&input), ANSWER);
    }
}
