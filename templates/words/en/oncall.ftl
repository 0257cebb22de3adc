# On call, pages, the night page, escalation, the ledger.

# A page as mail
page-test-subject = Watchkeeper test page
page-test-body =
    This is a test. If it reached you, pages will.

    Answer it here, so that the ledger knows how long it took:
    { $link }
page-self-test-subject = Watchkeeper self-test: please answer
page-self-test-body =
    Nothing is wrong. Because you may be called, this finds out now and then whether pages reach you.

    Answer it within a day; otherwise the admins hear that you may not be reachable:
    { $link }
page-since = since { $at }
page-time = { $day } { $time } { $zone }
page-answer =
    I have it:
    { $link }
page-dead-end = Everybody was paged and nobody answered.
trouble-delivery-title = Pages reach nobody
trouble-delivery-body =
    No page has got through to anybody on any way. { $why ->
        [none] An escalation came to its end, and not one of its pages was taken over by a mail server or a webhook.
       *[other] The last try was answered: { $why }
    }

    Look at the mail server and at what leaves the house. Until something gets through, this incident is paged anew every ten minutes, and incidents that nobody could be paged about are paged when it does.
trouble-delivery-over = Something got through again after { $span }. Incidents that nobody had heard of are paged now.
unheard-label = Warning: pages reach nobody
unheard-title = No page gets through to anybody.
unheard-text = Every way that was tried failed. Call each other by phone until this is gone.
unheard-see = See the incident
page-late = { $span } late: this page should have reached you at { $at } and couldn't be sent until now.
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
night-self-test = Self-test
night-self-test-text = Nothing is wrong. Answer, so that it is known that pages reach you.
night-test = Test page
night-test-text = If you can read this, pages reach you.

refusal-link-expired = This link has expired. Open the incident to answer.
refusal-only-people = Only a person can do this, not a machine's token.
refusal-no-way-out = Nothing can leave this machine: no mail server is set up, and you have no other way to be reached.
refusal-cannot-be-paged = Nobody could be paged: the person is deactivated or has no address.
refusal-no-schedule = This team has no schedule yet. Plan its rotation first.
refusal-override-over = This override is over; what it did stays on record.
refusal-override-overlaps = Another override from { $from } to { $to } already answers for this. Withdraw it first, or choose another time.
field-end-before-start = The end must be after the start.
field-is-recorded = This lies in the past. What was is on record and stays.
field-override-too-long = At most { $max } days. Whoever is away for longer leaves the rotation.
field-replaces-self = Somebody can't replace themselves.
field-deactivated = { $name } is deactivated.
field-not-a-time = "{ $value }" is no date and time. Write it like 2026-11-21 14:02.
field-nobody-known = Choose somebody who is here.
field-too-many = At most { $max }.
field-out-of-range = From { $min } to { $max }; { $got } is not.
field-override-overlaps = Another override from { $from } to { $to } already answers for this. Withdraw it first, or choose another time.

# The on-call page
oncall-title = On call
oncall-plan = Plan the rotation
oncall-policy-edit = Edit the escalation
oncall-nobody = Nobody is on call.
oncall-no-schedule = This team has no rotation yet: a disaster pages the whole team.
oncall-next = Next hand-offs
oncall-no-change = No change in the next two weeks.
oncall-from = From
oncall-to = Until
oncall-who = Who
oncall-what = What
oncall-gaps = Times without anybody
oncall-overrides = Overrides
oncall-no-overrides = The rotation holds as planned.
override-new = Cover a shift
override-kind = What changes
override-kind-replace = instead of whoever serves
override-kind-add = as well
override-kind-remove = nobody serves
override-person = Who comes in
override-hint = Counts from now at the earliest; what was stays on record.
override-make = Make the override
override-withdraw = Withdraw
said-override-made = The override holds.
said-override-withdrawn = The override is withdrawn; what it did stays on record.
target-on-duty = whoever is on call
target-team = the whole team
policy-title = If nobody answers
policy-waits = wait { $span }
policy-repeats = { $count ->
    [0] Walked once, then the whole team and the admins are told.
    [one] Walked once more, then the whole team and the admins are told.
   *[other] Walked { $count } more times, then the whole team and the admins are told.
}
feed-title = Subscribe
feed-text = A calendar address for your phone or desk. Whoever knows it can read this team's shifts, nothing else.
feed-once = Copy this address now: it is shown only once.
feed-make = Make an address
feed-renew = Make a new address; the old one stops working
feed-revoke = Stop the address
feed-name = On call, { $team }
feed-shift = { $name } on call ({ $team })
feed-gap = NOBODY on call ({ $team })
said-feed-revoked = The calendar address no longer works.
test-title = Does it ring?
test-text = A test page goes through all of your ways, with a link to answer it. The ledger keeps how long it took.
said-test-sent = A test page is on its way to you.
oncall-note = Note

# The ledger
ledger-title = On-call ledger
ledger-before = Month before
ledger-after = Month after
ledger-month = Month
ledger-everybody = Everybody
ledger-show = Show
ledger-empty = Nothing is on record for this month.
ledger-caption = Facts, newest first. Times in
ledger-when = When
ledger-ticket = Ticket
ledger-accepted = Relay took it
ledger-acked = Answered
ledger-minutes = Minutes
ledger-night = At night
ledger-seal = Seal
ledger-sealed = { $count ->
    [0] No fact is sealed yet.
    [one] One fact is sealed; each carries the hash of the one before. Head:
   *[other] { $count } facts are sealed; each carries the hash of the one before. Head:
}
ledger-check = Check the whole chain
ledger-holds = { $count ->
    [one] One of one entry matches.
   *[other] { $count } of { $count } entries match.
}
ledger-broken = Entry { $entry } doesn't match what was sealed.
ledger-cut = There is more than this page shows. Choose a person.
ledger-accepted-means = "Relay took it" is all that mail can know: it isn't called delivered. Night is counted in each person's own zone.
ledger-kind-shift = On call
ledger-kind-gap = Nobody on call
ledger-kind-page = Paged
ledger-kind-not-sent = Not sent
ledger-kind-work = Worked
shift-because-rotation = rotation
shift-because-override = override
shift-because-none = no rotation
work-detail = from the answer to the end
page-kind-escalation = escalation
page-kind-dead-end = nobody had answered
page-kind-asked = asked by a colleague
page-kind-test = test
page-kind-self-test = self-test
page-state-queued = waiting to be sent
page-state-failed = refused on every way
page-state-suppressed = not sent
page-state-attempted = being handed over
page-state-unsure = handed over, outcome unknown
page-state-accepted = relay took it
page-state-delivered = delivered
page-state-seen = seen
page-state-acked = answered
unsent-severity-rule = the severity asks for no message
unsent-outside-hours = outside the team's working hours
unsent-nobody-on-duty = nobody was on call
unsent-empty-team = the team has nobody
unsent-never-open = the team's calendar never opens
unsent-no-address = no address
unsent-deactivated = deactivated
unsent-throttle = paged a moment ago
unsent-acknowledged = somebody had answered
unsent-over = the incident was over
unsent-superseded = paged anew
unsent-no-channel = no way of sending is set up
unsent-newer = a newer page about the same incident took its place
ack-door-link = by link
ack-door-web = in the browser
ack-door-api = through the API
ack-door-chat = in chat
ack-door-cli = on the command line
ack-door-mail = by mail
ack-door-phone = by phone
ack-door-git = by a commit
ack-door-monitoring = in monitoring
ack-door-import = imported
ack-door-clock = by rule

# Planning
plan-title = Rotation
plan-anchor = A hand-off
plan-anchor-hint = Any one of them, on the wall clock: the others follow from it, in summer and in winter at the same time of day.
plan-zone = Time zone of the hand-offs
plan-length = A turn lasts
plan-unit = days or weeks
turn-unit-days = days
turn-unit-weeks = weeks
plan-people = Who takes turns, in this order
plan-people-hint = Whoever is on call now stays until the next hand-off.
plan-place = Place { $number }
plan-nobody-here = nobody
said-planned = The rotation is planned.
policy-edit-title = If nobody answers
policy-text = Steps are walked from the first to the last. A step whose fields are empty is left out. Only a disaster goes beyond whoever is on call.
policy-step = Step { $number }
policy-target = Page
policy-and = and
policy-no-target = nobody
policy-delay = Then wait, in minutes
policy-repeat = Walk all steps again, times
policy-ack-timeout = Page again after an answer, in minutes
policy-ack-timeout-hint = If the incident is still not restored by then. Empty: never.
said-policy-saved = The escalation is saved. Incidents that are being paged go on with the one before.
