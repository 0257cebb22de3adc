# The calculator: why a line has no answer.
calc-not-json = Line { $line } is no JSON object: { $why }
calc-line-too-long = Line { $line } is longer than { $why } bytes.

field-unknown-op = "{ $value }" is nothing that can be asked. There are: { $known }.
field-not-a-text = A text is wanted here, in quotation marks; not { $value }.
field-not-a-list = A list is wanted here, in square brackets; not { $value }.
field-not-an-object = An object is wanted here, in braces; not { $value }.
field-not-a-pair = A pair is wanted here: [from, to]; not { $value }.
field-not-utc = "{ $value }" is no instant. Write it in UTC, like 2026-11-21T03:07:09Z, from 1970 on.
field-not-a-date = "{ $value }" is no date. Write it like 2026-11-21.
field-not-a-length = { $value } is no length in seconds. A number from 0 to { $max } is wanted.
field-not-in-order = This is earlier than what stands before it. Give them in order.
field-one-of-text-html-raw = One of text, html and raw_b64 is wanted, not several.
field-not-a-truth = true or false is wanted here, without quotation marks; not { $value }.
field-not-a-prefix = "{ $value }" can't stand before a number. A prefix has 1 to { $max } bytes, begins with no blank and stays on one line.
field-too-many-prefixes = More than { $max } prefixes aren't looked for.
field-not-a-verb = "{ $value }" is no word. A word is letters and digits of any script; hyphens may join them.
field-not-a-comment-mark = "{ $value }" begins no comment. Give core.commentString, at least one character on one line.
