# How a clock proves itself, and how the record is checked against its cache.

clock-why = Why then?
clock-why-of = { $metric }: why then?
held-on-customer = the customer
held-on-vendor = the vendor
held-on-colleague = a colleague
held-on-date = a date
proof-version = version { $n }
proof-round-the-clock = round the clock
proof-breached = Breached
proof-cancelled = Cancelled because
proof-stops-never = nothing
proof-zones = Times are those of { $zone }, where the agreement counts; below them yours, { $own }.
proof-zone = Times are those of { $zone }.
proof-text = As plain text, to the microsecond
proof-print = The page prints as it stands.
proof-sum = The sum up to the deadline
proof-sum-of-many = { $count } counted stretches = { $total }
proof-folded = { $count } more steps of the same kind, in which { $counted } count
proof-shares = Whose the counted time was
proof-shares-hint = Read from the timeline: who owned it, else its team, else nobody; who was waited for while the clock ran on. For this ticket only: reports add up teams and never persons.
share-whose = Whose
share-counted = Counted
share-late = Of which late
step-when = When
step-whose = Whose
step-ahead = ahead
step-after-end = after its end

holder-person = somebody
holder-team = a team
holder-customer = the customer
holder-vendor = the vendor
holder-freeze = a freeze or a date
holder-nobody = nobody

cancelled-ticket = the ticket was cancelled
cancelled-closed = the ticket was closed with this still open
cancelled-no-target = no target holds any more
cancelled-not-needed = no reply was needed
cancelled-taken-back = it was taken back
cancelled-merged = the ticket goes on in another

cause-entry = { $actor } { $did } { $door }
cause-anchor = Counting began
cause-unknown = An entry of the timeline
cause-hours-begin = The hours of { $calendar } began
cause-hours-end = The hours of { $calendar } ended
cause-version = Another version of { $calendar } came to hold
cause-hold-end = The hold reached its expected end
cause-deadline = The deadline passed
cause-now = What follows hasn't happened

did-opened = opened it
did-customer-message = wrote to us
did-customer-solved = said that it is solved
did-reply = answered the customer
did-update = told everybody affected
did-customer-contact = spoke with the customer
did-unsatisfied = noted that the answer didn't arrive
did-owner-set = set the owner
did-owner-cleared = put it back
did-handed-over = handed it over
did-team-changed = gave it to another team
did-page-acknowledged = acknowledged the page
did-state-changed = changed the state
did-approval-asked = asked for approval
did-approved = approved it
did-approval-given = approved it, with others to follow
did-approval-refused = refused to approve it
did-restored = restored service
did-affected-restored = said that it works again for a customer
did-taken-back = took an entry back
did-resolved = resolved it
did-closed = closed it
did-reopened = opened it again
did-cancelled = cancelled it
did-held = put it on hold
did-released = ended the hold
did-severity-changed = changed the severity
did-customer-changed = changed the customer
did-service-changed = changed the service
did-impact-changed = corrected when the impact began
did-restored-changed = corrected since when it works
did-resolved-changed = corrected when it was resolved
did-affected-added = added an affected customer
did-due-changed = moved the due date
did-callback-promised = promised to call back
did-callback-done = called back
did-update-promised = promised the next update
did-meeting-set = set the meeting
did-meeting-held = held the meeting
did-meeting-cancelled = cancelled the meeting
did-report-sent = sent the outage report
did-glass-broken = broke the glass
did-glass-reviewed = reviewed the broken glass
did-shared = showed the customer a note
did-no-reply-needed = said that no reply is needed
did-reported-changed = corrected when it was reported
did-merged = merged it into another ticket
did-absorbed = merged another ticket into it
did-unmerged = undid a merge
did-agreement-ended = noted that the agreement was retired

checks-title = Checks of the record
checks-lead = Every minute some clocks are derived anew from their timelines and compared with what is stored; round and round, all of them come by. What differs stands here until it no longer does. "watchkeeper verify clocks" compares all of them at once.
checks-none = Every clock that was looked at is what its timeline says.
checks-band = { $count ->
    [one] The stored clocks of one ticket aren't what its timeline says.
   *[other] The stored clocks of { $count } tickets aren't what their timelines say.
}
checks-see = See which
checks-label = Health
checks-differ-title = Stored otherwise than computed
endless-band = { $count ->
    [one] One clock runs and can never fall due.
   *[other] { $count } clocks run and can never fall due.
}
endless-label = Clocks without a deadline
endless-title = Clocks that can never fall due
endless-lead = The hours that these are counted in don't reach the budget within five years. Nobody will be warned or told. Give the calendar hours, or the promise a shorter budget; then the clock falls due as any other.
endless-since = Counted from
endless-hours = Counted in
clock-never-due = can never fall due: the hours it is counted in don't reach its budget within five years
troubles-title = Wrong with the house itself
troubles-since = since
trouble-delivery = No page gets through to anybody.
trouble-disk = The disk is nearly full: nothing new is taken in.
checks-found = Found
checks-again = Looked at again
checks-what = What differs
checks-repair = Recompute
said-recomputed = { $what }: recomputed from the timeline.
deed-clocks-recomputed = recomputed a ticket's clocks
