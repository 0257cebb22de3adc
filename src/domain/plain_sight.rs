//! Text that came with code, as people have to see it who decide by it: characters that turn the direction of what follows, and such as
//! nobody sees, stand there by their numbers. "Trojan source" hides what a commit does behind what its message seems to say.

use std::borrow::Cow;

/// The text with `⟨U+202E⟩` in the place of each character that can't be seen. Line ends and tabs stay, and so do the joiners that some
/// scripts and emoji are written with, between letters of theirs.
pub fn plain_sight(text: &str) -> Cow<'_, str> {
    if !text.chars().any(may_hide) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let joins = matches!(c, '\u{200c}' | '\u{200d}')
            && [before, rest.peek().copied()]
                .iter()
                .all(|neighbour| neighbour.is_some_and(|it: char| !it.is_ascii() && !may_hide(it)));
        if may_hide(c) && !joins {
            shown.push_str(&format!("⟨U+{:04X}⟩", u32::from(c)));
        } else {
            shown.push(c);
        }
        before = Some(c);
    }
    Cow::Owned(shown)
}

/// Controls, marks of direction, blanks without width, fillers, tags. Of variation selectors only those that emoji don't need.
fn may_hide(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        c if c.is_control() => true,
        '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b15_nothing_hides_and_what_people_write_stays() {
        for (text, shown) in [
            ("Raise pool size\n\n\tBy 2.", "Raise pool size\n\n\tBy 2."),
            (
                "/*\u{202e} } \u{2066}if (admin)\u{2069}",
                "/*⟨U+202E⟩ } ⟨U+2066⟩if (admin)⟨U+2069⟩",
            ),
            ("pass\u{200b}word", "pass⟨U+200B⟩word"),
            ("a\u{200d}b", "a⟨U+200D⟩b"),
            ("x\u{200d}", "x⟨U+200D⟩"),
            ("\u{3164}\u{ad}\u{feff}", "⟨U+3164⟩⟨U+00AD⟩⟨U+FEFF⟩"),
            (
                "bell\u{7}\u{1b}[31m\u{9b}",
                "bell⟨U+0007⟩⟨U+001B⟩[31m⟨U+009B⟩",
            ),
            ("tag\u{e0041}", "tag⟨U+E0041⟩"),
            ("👩\u{200d}💻 ❤\u{fe0f}", "👩\u{200d}💻 ❤\u{fe0f}"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("שלום, 漢字, naïve", "שלום, 漢字, naïve"),
        ] {
            assert_eq!(plain_sight(text), shown, "{text:?}");
        }
    }
}
