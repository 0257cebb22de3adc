# The terms side of promises: versions of agreements and calendars, corrections, holidays, locked periods.

edit = Edit
said-deleted = Deleted.

# from when on an edit counts
effect-title = From when on
effect-now = From now on
effect-from = From a date to come
effect-correction = A correction: it was so before, and what was written then was wrong
effect-from-at = From
effect-until-at = Until
effect-until-hint = Of a correction; empty is until what is planned, or for good.
effect-reason = Reason
effect-reason-hint = Of a correction: kept with the version and with every clock that moves.
effect-zone-calendar = On the calendar's clock.
effect-zone-own = On your clock.

# what an edit does to clocks
moves-title = What this does to clocks
moves-open =
    { $n ->
        [one] One clock that runs moves.
       *[other] { $n } clocks that run move.
    }
moves-none = No clock that runs moves.
moves-unmoved =
    { $n ->
        [one] One that runs stays as it is.
       *[other] { $n } that run stay as they are.
    }
moves-cut = There are more tickets than were looked at. The rest moves likewise.
moves-open-label = Clocks that move
moves-ticket = Ticket
moves-before = Due before
moves-after = Due after
moves-outcome = What else
moves-begins = begins
moves-ends = ends; a breach stays
moves-replaced = replaced by another promise
moves-late = is late
moves-withdrawn = is no longer late
moves-stays = stays
moves-finished = Clocks that had ended
moves-finished-none = No clock that had ended would come to another answer.
moves-finished-text = They stay as they are unless you tick them. What lies in a locked period always stays.
moves-finished-all = All { $n } of them
moves-include = Include
moves-include-one = Include { $promise } of { $key }
moves-locked = locked
moves-more = { $n } more aren't listed.
moves-save = Save
moves-save-hint = Nothing is written yet.
moves-show-and-save = Save

# versions
versions-title = Versions
version-number = Version { $n }
version-now = holds now
version-to-come = planned
version-correction = correction
version-from = From
version-always = From the beginning
version-written = written
version-written-by = written by { $name }
version-planned = Version { $number } is planned from { $from } on. What you save before that date holds until then.
version-edit-planned = Edit what is planned
version-next-at = another version from

# the calendar editor
calendar-week-of = The week in { $zone }
calendar-total = { $span } a week are open.
calendar-day = Day
calendar-open-hours = Open
calendar-passes-midnight = { $day } { $from } until { $to } is understood as { $day } { $from } until { $next } { $to }.
calendar-united = { $day }: { $typed } are understood as { $range }.
calendar-holidays = Country or region
calendar-holidays-title = Public holidays
calendar-holidays-hint = Begin to type a country. On these days the calendar is closed, unless a line below says otherwise.
calendar-users = Counted in by
calendar-users-none = Nobody counts in it.
calendar-delete-hint = Only a calendar in which nothing was ever promised can be deleted.
understood-title = How it is understood
understood-nothing = Fill in a zone and the hours, and this shows what they come to.
understood-no-promises = A row with a budget is a promise; what it comes to is shown here.
examples-title = Examples
time-example = %a %-d %b %H:%M
examples-show = Show examples
example-logged = Logged
example-due = Due after { $span } of open time
special-title = Dates that differ in the next two years
special-none = None.
special-date = Date
special-name = Name
special-holiday = public holiday
special-more = { $n } more aren't listed.
holidays-source = Public holidays from the data of { $source }, known until { $year }. This calendar keeps them as they are now; a new version of the program that knows better makes a new version of the calendar.
holidays-renewed = Public holidays from { $source }
ics-title = Take over days from an iCalendar file
ics-file = File
ics-text = Or its text
ics-hint = Nothing is taken over before you have seen it. Whole days stay the dates they are, whatever zone the file is from.
ics-read = Show its days
ics-found = Days in it
ics-take = Take over the ticked ones
ics-taken =
    { $n ->
        [0] Nothing new was ticked.
        [one] One line was added to the special days above. Nothing is saved yet.
       *[other] { $n } lines were added to the special days above. Nothing is saved yet.
    }
ics-nothing = There is no day in it that is still to come.
ics-cut = There are more days than are shown.
ics-left-out = Left out:
left-out-cancelled = it is cancelled
left-out-no-date = it has no date that can be read
left-out-bad-rule = how it comes back can't be read
left-out-past = it is over
left-out-too-long = it is longer than a year

# the agreement editor
agreement-customers = Customers
agreement-customers-hint = Whoever leaves an agreement has no clocks under it any more; what was missed stays.
agreement-house-text = Tickets that no other agreement promises anything for.
agreement-others = These hold for one of its customers, too. The first that promises anything for a ticket holds:
agreement-asked-before = is asked before it
agreement-asked-after = is asked after it
agreement-no-promises = It promises nothing: tickets that come to it have no clocks.
agreement-over = ended
agreement-ends = it ends
agreement-ends-at = ends
agreement-order = Order
agreement-order-text = Of several agreements that hold for a customer the upper one is asked first; the next one only where it promises nothing for a ticket.
agreement-earlier = Up
agreement-later = Down
agreement-earlier-of = Up: ask { $name } earlier
agreement-later-of = Down: ask { $name } later
agreement-delete-hint = Only an agreement under which no clock ever ran can be deleted. Any other ends: edit it and retire it.
promise-within = Within
promise-also = Follow the sun
promise-also-more = Also in …
promise-party = Customer

# somebody's own holidays
holidays-title = Public holidays
holidays-text = On these days warnings wait for the next working day, and meetings are planned for others.
holidays-hint = Begin to type a country; empty is none.
holidays-show = Show the days
deed-holidays-set = said whose public holidays somebody has

# recounts
recounts-title = Clocks counted anew
recounts-text = After a change of terms every clock that it concerns is counted anew; each says so on its ticket.
recounts-what = Because
recounts-when = When
recounts-who = By
recounts-looked = Tickets
recounts-moved = Moved
recounts-under-way = under way
recount-calendar-changed = Calendar { $subject }, version { $number }
recount-calendar-corrected = Calendar { $subject } corrected, version { $number }
recount-agreement-corrected = Agreement { $subject } corrected, version { $number }
recount-agreement-ended = Agreement { $subject } ended, or a customer left it, version { $number }
recount-zones-changed = Time zone data { $subject }
recount-holidays-changed = Holiday data: { $subject }

entry-clock-recomputed =
    { $cause ->
        [calendar_changed] { $metric } is due { $after } instead of { $before }: calendar { $subject } has version { $number } by { $by }
        [calendar_corrected] { $metric } is due { $after } instead of { $before }: { $by } corrected calendar { $subject } (version { $number }): { $reason }
        [agreement_corrected] { $metric } is due { $after } instead of { $before }: { $by } corrected agreement { $subject } (version { $number }): { $reason }
        [agreement_ended] { $metric } ended: agreement { $subject } no longer holds
       *[zones_changed] { $metric } is due { $after } instead of { $before }: new time zone data { $subject }
    }
entry-terms-changed = corrected agreement { $subject }: other promises hold from here on
entry-agreement-ended = Agreement { $subject } no longer holds: its clocks are cancelled

field-not-over-yet = A period can be locked once it is over.
field-not-to-come = That is over already. Choose a time to come, or make it a correction.
field-not-past = A correction begins before now. For a time to come choose "from a date".
field-one-effect = Give a date from which it holds, or a correction, not both.
field-unknown-holidays = There is no holiday set "{ $value }". Choose one from the list, such as DE or DE-BY.
field-empty-range = "{ $value }" is no time at all. Write "00:00-24:00" for the whole day, or leave it out.
field-range-too-long = "{ $value }" ends after 48:00. Split it: what goes on longer belongs to the next day.
field-range-starts-late = "{ $value }" begins on the next day. Write it there, from 00:00 on.
field-budget-of-nothing = A promise of no time can't be kept. Write a length such as "30 min", or leave the budget empty.
field-kind-without-severity = Only incidents have a severity: no { $kind } would ever match. Choose "any".
field-metric-never-kept = Nothing on a { $kind } keeps this promise ({ $metric }). Choose another promise or another kind of ticket.
field-budget-over = That instant is over: every clock would be late at its beginning. Take the promise out, or choose a time to come.
field-vendor-unseen = Nothing on a ticket shows when a vendor does that ({ $metric }), so this promise could only be missed. Choose "restore" or "resolve" for what a vendor promises, or wait for the vendor with a hold.
field-not-their-agreement = The agreement isn't with that customer. Tick them above, or choose "any".
field-never-matches = It never holds: row { $by } holds for everything that this one is for. Take one of them out, or make this one narrower.
field-promised-to-others = It never holds: row { $by } promises the same to somebody else, and a ticket has one clock of each promise. Choose the stricter of the two, or make one of them narrower.

refusal-agreement-ended = This agreement ended. Make a new one, or correct it.
refusal-agreement-in-use = Clocks ran under { $name }: it can't be deleted. Retire it instead; they stay explained.
refusal-calendar-was-used = Promises were counted in { $name }: it can't be deleted. Retire it instead; they stay explained.

deed-agreement-corrected = corrected an agreement
deed-agreement-moved = changed the order of agreements
deed-agreement-deleted = deleted an agreement
deed-calendar-corrected = corrected a calendar
deed-calendar-deleted = deleted a calendar
deed-clocks-recounted = counted clocks anew
