# Promises with a time: agreements, calendars, clocks and how they explain themselves.

agreements-title = Agreements
agreements-text = What is promised to whom. A ticket runs under its customer's agreement; without one that fits, under the house's.
agreement-new = New agreement
agreement-promises = Promises
agreement-hint = One promise a row; a row without a budget doesn't count. Budgets: "30 min", "4 h", "end of day", "end of day 1", or an instant such as "2027-03-31T17:00:00+02:00". What you save holds for what begins from then on; clocks that run keep what they began under, unless it is a correction.
agreement-retire = Retire this agreement
agreement-retire-hint = New tickets of these customers run under their other agreements, or the house's. What runs under this one is cancelled; what it missed stays on record.
agreement-backdate = Days back
agreement-backdate-hint = How many days before a ticket was logged its impact or report may lie.
promise-row = Nr.
promise-metric = Promise
promise-kind = For
promise-severity = Severity
promise-service = Service
promise-anchor = Counted from
promise-warn = Warn at
promises-wrong = Not saved.
promise-wrong = Row { $row }: { $text }
promise-more = More
policy-on-change = When the ticket changes
policy-grace = Hours of grace after a resolve
policy-within = Opened again within the grace
policy-later = Opened again later
policy-holds-in = Stands while the ticket is
policy-once = A later message of the customer starts no new clock
on-change-carry = count anew from the same start
on-change-restart = count from the change
on-change-keep = leave the promise as it was
on-change-prorate = keep the share that is used
reopen-resume-without-gap = run on without the time in between
reopen-resume-with-gap = run on, the time in between counts
reopen-new-cycle = start a new clock
any = any
version = Version
retired = retired

promisee-customer = Customer
promisee-internal = Ourselves
promisee-vendor = Vendor
anchor-impact = the impact
anchor-reported = the report
anchor-logged = the ticket

calendars-title = Calendars
calendar-new = New calendar
calendar-zone = Time zone
calendar-now = Now
calendar-open = open
calendar-closed = closed
calendar-week = The week
calendar-week-hint = Times of day in the calendar's zone, such as "09:00-12:00, 13:00-17:00". "22:00-06:00" runs past midnight, "00:00-24:00" is the whole day, empty is closed.
calendar-exceptions = Holidays and special days
calendar-exceptions-hint = One a line: "2026-12-24 09:00-13:00 Christmas Eve", "12-25 closed Christmas", "12-27..01-02 closed Year's end", "easter+1 closed Easter Monday", "last-mon-may closed Memorial Day", "06-03 not 12:00-14:00 Lunch". 29 February is in leap years only, unless "02-29 or 02-28 closed Founders' Day" (or "or 03-01") says what it is in the others.
calendar-retire = Retire this calendar
weekday-mon = Monday
weekday-tue = Tuesday
weekday-wed = Wednesday
weekday-thu = Thursday
weekday-fri = Friday
weekday-sat = Saturday
weekday-sun = Sunday

clock-terms = What was promised
clock-state = State
clock-state-scheduled = not begun
clock-state-running = running
clock-state-held = held
clock-state-met = met
clock-state-missed = missed
clock-state-cancelled = cancelled
clock-state-superseded = replaced by another target or ticket
clock-promised-to = Promised to
clock-house = the house
clock-agreement = Agreement
clock-also-fit = Would fit as well
clock-budget = Budget
clock-end-of-day = { $n ->
    [0] end of the same working day
    [one] end of the next working day
   *[other] end of the { $n }th working day after
}
clock-fixed = a date promised by hand
clock-fixed-agreed = an agreed instant
clock-promised-by = Promised instead by { $actor }
clock-promised-instead = Promised instead by hand
clock-agreed-at = By the agreement alone
clock-calendar = Counted in
clock-anchor-logged = Counted from when it was logged
clock-anchor-reported = Counted from when it was reported
clock-anchor-impact = Counted from the impact
clock-anchor-cycle = Counted from
clock-deadline = Due
clock-ended = Ended
clock-cause = Cause
clock-late-by-change = The deadline lay in the past already when the ticket changed
clock-stops = Stopped by
clock-stops-in = Stands while
clock-carried = Carried over from the target before
clock-merged = The ticket goes on in another, which answers for this promise
clock-withdrawn = { $cause ->
    [unmerged] { $name } took the two tickets apart, so this is late no longer
    [impact_changed] { $name } corrected when it began, so this is late no longer
    [reported_changed] { $name } corrected when it was reported, so this is late no longer
    [restored_changed] { $name } corrected since when it works, so this is late no longer
    [resolved_changed] { $name } corrected when it was resolved, so this is late no longer
    [affected_restored] { $name } recorded that it worked again sooner, so this is late no longer
    [taken_back] { $name } took an entry back, so this is late no longer
    [calendar_changed] { $name } changed the hours of { $subject }, so this is late no longer
    [calendar_corrected] { $name } corrected the hours of { $subject }, so this is late no longer
    [agreement_corrected] { $name } corrected the agreement { $subject }, so this is late no longer
    [zones_changed] The time zone data is another, so this is late no longer
   *[other] { $name } changed the ticket, so this is late no longer
 }
clock-was-late = It had been late since
clock-warns = Warning at { $threshold }
clock-steps = How that comes about
clock-sum = { $used } of { $budget } used ({ $percent } %).
clock-sum-late = { $used } of { $budget } used; { $late } of working time too late.
clock-sum-late-over = { $used } of { $budget } used; { $late } of working time too late, { $over } by the clock.
clock-sum-over = { $used } of { $budget } used; { $over } too late by the clock, none of it in the agreed hours.
clock-sum-open = { $used } used; there is no deadline to measure by.
clock-cycles = Other cycles of this promise
clock-cycle = Cycle { $n }
step-what = What
step-length = Length
step-used = Used
step-counted = counted
step-outside = outside hours
step-gap = resolved, before it was opened again
step-late = late
step-more = The steps after these are left out.

preview = Show what moves
preview-title = Before it is saved
preview-ticket = Ticket
preview-before = Now
preview-after = Afterwards
preview-none = no promise
preview-held-open = held, without an end
preview-late = late
preview-nothing = No deadline moves.
preview-others = { $n ->
    [one] One other promise stays as it is.
   *[other] { $n } other promises stay as they are.
 }
preview-save = Save it
preview-leave = Leave it as it is
preview-second = Somebody else changed the ticket meanwhile.
preview-second-text = Nothing is saved yet. This is what would move now.
preview-severity = With the new severity
preview-hold = With this hold
preview-release = Without the hold
preview-step = In the new state
preview-restore = Restored
preview-take = Taken by you
preview-pass = Passed on
preview-callback = With this call-back
preview-put-back = Put back
preview-no-reply = Without an answer
preview-plan = With the new plan
preview-ask = Waiting for approval
preview-approve = Approved
preview-refuse = Not approved
preview-redraft = A draft again
preview-start = Under way
preview-watch = Live and on watch
preview-finish = Closed
preview-break-glass = Gone ahead without approval
preview-reopen = Opened again
preview-resolve = Resolved
preview-times = With the corrected times
preview-affected = With this customer
preview-works-again = With this customer working again
preview-not-restored = With this customer not working after all
preview-take-back = With this entry taken back
preview-merge = Merged
preview-unmerge = Taken apart again
preview-edit = With these changes

refusal-calendar-in-use = This calendar can't be retired: { $name } counts in it. Change that first.
refusal-house-agreement-stays = The house agreement can't be retired: it holds for tickets that no other agreement fits. Take its promises out instead.
field-never-open = A calendar that is never open in the next five years can't keep a promise. Give it hours on at least one day.
field-not-a-range = "{ $value }" isn't a range of times. Write "09:00-17:00"; an end up to 48:00.
field-not-an-exception = "{ $value }" can't be read. Write a date, what holds, and a name: "12-25 closed Christmas".
field-no-such-date = "{ $value }" names a date that doesn't exist.
field-leaves-its-date = The hours of "{ $value }" leave their date. Special hours end at 24:00.
field-not-its-state = A ticket of this kind doesn't wait in the state { $value }.
refusal-backdate-limit = That lies further back than agreed: at most { $days } days before the ticket was logged. The agreement says how far.
refusal-period-locked = A promise of { $key } ended in a period that { $name } locked ({ $reason }): what was reported of it stands. An admin can take the lock back first.
refusal-backdate-own = You answer for this ticket yourself: somebody else who leads has to correct it.
refusal-restored-long-ago = That lies further back than agreed: at most { $days } days before it is recorded. The agreement says how far.
field-not-affected = That customer isn't among those who were hit. Add them first.
field-call-back-owed = A call back to somebody else is owed already. Make that call first.
field-unknown-entry = There is no entry { $value } on this timeline.
field-not-a-budget = "{ $value }" isn't a budget. Write a length such as "30 min" or "4 h" (at most five years' worth of hours), "end of day 1", or a promised instant such as "2027-03-31T17:00:00+02:00".
field-not-a-threshold = "{ $value }" isn't a moment to warn at. Write "75%" or "30 min".
field-too-many-ranges = That is more than a calendar can hold.
field-unknown-calendar = There is no such calendar in use.

deed-entry-taken-back = took an entry of a timeline back
deed-times-corrected = corrected when a ticket began or ended
deed-calendar-added = added a calendar
deed-calendar-changed = changed a calendar
deed-agreement-added = added an agreement
deed-agreement-changed = changed an agreement
deed-agreement-retired = retired an agreement

letter-clock-warned-subject = Due soon: { $title }
letter-clock-warned-body =
    { $metric ->
        [own] Somebody must take { $key } "{ $title }" by { $deadline }.
        [respond] The first response to { $key } "{ $title }" is due by { $deadline }.
        [update] The next update on { $key } "{ $title }" is due by { $deadline }.
        [restore] { $key } "{ $title }" must be restored by { $deadline }.
        [resolve] { $key } "{ $title }" must be resolved by { $deadline }.
        [call_back] The call-back for { $key } "{ $title }" is due by { $deadline }.
        [meeting] The meeting of { $key } "{ $title }" must be held by { $deadline }.
       *[other] { $key } "{ $title }" is due by { $deadline }.
    }
letter-clock-warned-action = Open the ticket
letter-clock-breached-subject = Late: { $title }
letter-clock-breached-body =
    { $metric ->
        [own] Nobody has taken { $key } "{ $title }"; somebody had to by { $deadline }.
        [respond] The first response to { $key } "{ $title }" is late; it was due by { $deadline }.
        [update] The next update on { $key } "{ $title }" is late; it was due by { $deadline }.
        [restore] { $key } "{ $title }" isn't restored; it had to be by { $deadline }.
        [resolve] { $key } "{ $title }" isn't resolved; it had to be by { $deadline }.
        [call_back] The call-back for { $key } "{ $title }" is late; it was promised by { $deadline }.
        [meeting] The meeting of { $key } "{ $title }" wasn't held; it had to be by { $deadline }.
       *[other] { $key } "{ $title }" is late; it was due by { $deadline }.
    }
letter-clock-breached-action = Open the ticket
letter-clocks-subject = { $n } clocks: { $late } late, { $soon } due soon
letter-clocks-body = As things stand now:
letter-clocks-line = { $key } { $title }: { $metric } { $how }
letter-clocks-due = due in { $span }
letter-clocks-belated = (told { $span } late)
letter-clocks-more = … and { $n } more, in the queue:
letter-hold-nudged-subject = Still waiting: { $title }
letter-hold-nudged-body = { $key } "{ $title }" waits for { $whom }: { $reason }. Expected end: { $until }.
letter-hold-nudged-action = Open the ticket
letter-reply-lost-subject = Your answer didn't arrive: { $title }
letter-reply-lost-body = The answer on { $key } "{ $title }" was refused, so it doesn't count. Try another way.
letter-reply-lost-action = Open the ticket
field-taken = That name is taken.
field-not-a-weekday = That is no day of the week.
