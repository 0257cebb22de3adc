# On call, pages, the night page, escalation, the ledger.

# A page as mail
page-test-subject = Watchkeeper test page
page-test-body =
    This is a test. If it reached you, pages will.

    Answer it here, so that the ledger knows how long it took:
    { $link }
page-since = since { $at }
page-time = { $day } { $time } { $zone }
page-answer =
    I have it:
    { $link }
page-dead-end = Everybody was paged and nobody answered.
silence-people = If nobody answers, { $names } is paged in { $span }.
silence-team = If nobody answers, the whole team is paged in { $span }.
silence-dead-end = If nobody answers, the whole team and the admins are told in { $span }.

# The page in the night
night-sent = Sent { $span } ago
night-since = Since
night-has-it = { $name } has it.
night-nobody-has-it = Nobody has it.
night-ack = I have it
night-ack-effect = stops the paging, starts your call-out
night-open = Open { $key }
night-answered = You have it. The paging has stopped.
night-was-answered = This page has been answered.
night-over = This incident is over. There is nothing to answer.
night-expired = This link has expired. Open the incident to answer.
night-test = Test page
night-test-text = If you can read this, pages reach you.

refusal-link-expired = This link has expired. Open the incident to answer.
refusal-only-people = Only a person can do this, not a machine's token.
refusal-cannot-be-paged = Nobody could be paged: the person is deactivated or has no address.
refusal-no-schedule = This team has no schedule yet. Plan its rotation first.
refusal-override-over = This override is over; what it did stays on record.
refusal-override-overlaps = Another override from { $from } to { $to } already answers for this. Withdraw it first, or choose another time.
field-end-before-start = The end must be after the start.
field-is-recorded = This lies in the past. What was is on record and stays.
field-override-too-long = At most { $max } days. Whoever is away for longer leaves the rotation.
field-replaces-self = Somebody can't replace themselves.
field-deactivated = { $name } is deactivated.
field-nobody-known = Choose somebody who is here.
field-too-many = At most { $max }.
field-out-of-range = From { $min } to { $max }; { $got } is not.
