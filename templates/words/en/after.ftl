# After the incident: outage reports, post-mortems, meetings, tasks.

sheet-page = page { $n } of { $total }

report-for = Outage report for { $customer }, { $edition }
report-edition-first = first report
report-edition-final = final report
report-draft = DRAFT
report-draft-sentence = Not approved. Not for the customer yet.
report-services = Services
report-severity = Severity
report-severity-disaster = Disaster: nothing worked
report-severity-high = High
report-severity-average = Average
report-severity-warning = Warning
report-severity-information = Information
report-began = Began
report-detected = Noticed
report-restored = Service restored
report-resolved = Resolved
report-length = Length
report-lasting = not over yet
report-discovered = Noticed by
report-discovered-monitoring = our monitoring
report-discovered-engineer = our staff
report-discovered-customer = you
report-discovered-partner = a partner
report-data-loss = Was data lost
report-data-loss-none = no
report-data-loss-some = yes, see below
report-data-loss-under_analysis = under analysis
report-next-update = Next report by
report-part-summary = What happened
report-part-scope = Who was affected
report-part-not_affected = What was not affected
report-part-resolution = How it was resolved
report-part-cause = Why it happened
report-part-future = What will change
report-part-apology = From us to you
report-cause-later = The cause is still being analysed. The final report will name it.
report-timeline = Timeline
report-when = When
report-what = What
report-commitment = What
report-commitment-by = By
report-commitment-state = State
report-commitment-done = done
report-commitment-open = open
report-contact = Questions: { $contact }
report-standing-draft = Draft, not approved.
report-standing-approved = Approved by a second person on { $at }.
report-standing-waived = Approved by its author alone on { $at }, because nobody else was there to do it.
report-footer = { $document }, version { $version }. { $standing } Times in { $zone } and UTC. Content sha256 { $hash }

pm-title = Post-mortem: { $title }
pm-draft-overview = { $key } "{ $title }", severity { $severity }, began { $began }.
pm-draft-restored = Service was restored { $at }, after { $length }.
pm-draft-nobody = No customer is on record as affected.
pm-draft-detected = It came in { $door } { $at }, { $after } after the impact began.
pm-draft-answered = Somebody had it { $at }, { $after } after the impact began.
pm-door-web = through the browser
pm-door-mail = by mail
pm-door-git = from git
pm-door-monitoring = from monitoring
pm-door-phone = by phone
pm-door-api = through the API
pm-door-chat = from chat
pm-door-link = through a signed link
pm-door-import = by import
pm-door-cli = from the command line
pm-door-clock = from a clock

moment-opened = Logged
moment-paged = Paged
moment-page_acknowledged = Page acknowledged
moment-dead_end = Nobody answered
moment-owner_set = Taken
moment-handed_over = Handed over
moment-role_taken = Role taken
moment-severity_changed = Severity changed
moment-customer_message = The customer wrote
moment-reply = We answered the customer
moment-update = We updated everybody affected
moment-evidence = Evidence
moment-commit_linked = Commit
moment-deployed = Deployed
moment-clock_breached = A promise was missed
moment-restored = Restored
moment-affected_restored = Works again for one customer
moment-reopened = Reopened
moment-resolved = Resolved

meeting-summary = Post-mortem { $key }: { $title }
meeting-description = Post-mortem meeting. The draft: { $url }
    { $rule }
letter-meeting-invited-subject = Invitation: { $title }
letter-meeting-invited-body =
    You had a hand in what this post-mortem is about, so please come.

    When: { $at }, { $minutes } minutes
    Where: { $place }

    { $rule }
letter-meeting-invited-action = Open the draft
letter-meeting-moved-subject = Moved: { $title }
letter-meeting-moved-body =
    The meeting of this post-mortem was moved.

    Now: { $at }, { $minutes } minutes
    Where: { $place }

    { $rule }
letter-meeting-moved-action = Open the draft
letter-meeting-cancelled-subject = Cancelled: { $title }
letter-meeting-cancelled-body =
    The meeting of this post-mortem was cancelled. It would have been { $at }.
letter-meeting-cancelled-action = Open the post-mortem
slot-working_hour = The slot is the owner's next working hour that ends within 24 hours of the incident's resolution.
slot-before_deadline = The owner has no working hour within 24 hours of the incident's resolution, so the slot is the hour before that deadline.
slot-chosen = The slot was chosen by a person.

refusal-meeting-in-the-past = A meeting can't be set in the past ({ $at }).
refusal-meeting-length = A meeting takes between 15 minutes and 8 hours, not { $got } minutes.
refusal-meeting-held = This meeting was held already.
refusal-meeting-cancelled = This meeting was cancelled. Set a new one.
refusal-meeting-open = The meeting of { $key } is still planned. Say that it was held, or cancel it.
refusal-no-meeting = { $key } has no meeting.
refusal-already-invited = { $name } is invited already.
refusal-has-post-mortem = This incident has a post-mortem already: { $key }.
refusal-postmortem-settled = { $key } was reviewed already. Send it back to review to change it.
refusal-postmortem-incomplete = { $count ->
    [one] One section is still empty: { $section }.
   *[other] { $count } sections are still empty, first { $section }.
}
refusal-review-needs-another = Somebody else has to do this: it is yours.
refusal-action-needs-deliverable = "{ $verb }" has no end. Say in the outline what will exist afterwards, or name the thing in the title.
refusal-report-leaks = { $count ->
    [one] One thing in it must not leave the house: "{ $first }".
   *[other] { $count } things in it must not leave the house, first "{ $first }".
}
refusal-report-incomplete = This edition still needs: { $part }.
refusal-report-needs-another = Somebody else has to approve a report that you wrote.
field-not-an-incident = This is not an incident.
field-not-in-the-past = This lies in the past.
meeting-no-place = not said yet

report-title = Service disruption
report-title-of = Disruption of { $services }
report-apology = We are sorry for the trouble this caused you.
report-row-opened = We began to work on it
report-row-page_acknowledged = Our engineer on call took over
report-row-restored = Service works again
report-row-resolved = Resolved
report-row-reopened = It came back
letter-outage-report-subject = Outage report: { $report_title }
letter-outage-report-body =
    Hello { $name }, attached is our report on what happened. It says what you may have noticed, why it happened and what will change.

    If something is missing, answer this mail.
refusal-report-approved-already = This version was approved already. Save a change to begin the next one.
refusal-report-not-saved = Save the draft first.
refusal-report-not-approved = Only an approved report is sent.

pm-section-overview = Overview
pm-section-impact = Impact
pm-section-detection = Detection
pm-section-timeline = Timeline
pm-section-resolution = Resolution
pm-section-factors = Why it could happen
pm-section-went-well = What went well
pm-section-went-badly = What got in the way
pm-section-lucky = Where we were lucky
pm-section-customer-message = For the customer
pm-prompt-overview = Two sentences that somebody from another team understands.
pm-prompt-impact = Who was hit, how long, how much: numbers, not adjectives.
pm-prompt-detection = Who or what noticed, how long after it began, and what would have noticed sooner?
pm-prompt-timeline = Key moments with the entry that each time comes from. Correct the times, not the people.
pm-prompt-resolution = What ended it: the makeshift and the lasting repair.
pm-prompt-factors = Which conditions had to come together? There is rarely one cause, and a person is never one.
pm-prompt-went-well = What worked as it should, and should stay?
pm-prompt-went-badly = What slowed us: missing access, a runbook that was wrong, an alarm that said nothing?
pm-prompt-lucky = What could have made it worse, and didn't by chance?
pm-prompt-customer-message = What the customer may read. The report starts from this.
pm-text = What happened
pm-blameless = Write about conditions and decisions, not about whose fault it was.
pm-room = Everything that was done on it
pm-actions = What will change
pm-no-actions = Nothing yet. A post-mortem without a task changes nothing.
pm-add-action = Add a task
pm-task = Task
pm-type = For
pm-due = Due
pm-due-hint = Empty: in { $days } days.
pm-state = State
pm-promised = Told the customer: { $text }
pm-outline = Outline
pm-outline-hint = What will exist when it is done?
pm-commitment = Promise to the customer
pm-commitment-hint = Stands in the outage report. Empty: internal.
pm-choose-person = Choose a person
pm-person = Person
pm-action-prevent = preventing it
pm-action-detect = noticing it sooner
pm-action-mitigate = making it hurt less
pm-meeting = Meeting
pm-meeting-planned = planned
pm-meeting-held = held
pm-meeting-cancelled = cancelled
pm-meeting-late = This meeting ends after the deadline.
pm-no-meeting = No meeting is planned.
pm-mute = Invitations can't leave: no public address or no sender is set.
pm-until = Until
pm-deadline = Held by
pm-place = Place or link
pm-guests = Invited
guest-accepted = accepted
guest-tentative = perhaps
guest-declined = declined
pm-held = It was held
pm-move = Set another time
pm-starts = Starts
pm-minutes = Minutes
pm-invite = Invite one more
pm-cancel-meeting = Cancel the meeting
pm-why = Why
pm-why-hint = Needed for skipping, cancelling and sending back.
pm-next = Next step
pm-step = Step
pm-step-do = Do it
pm-not-yet = Not yet: { $step }
pm-step-draft = Send back to draft
pm-step-in-review = Ask for review
pm-step-reviewed = Reviewed
pm-step-closed = Close
pm-step-skipped = Skip, signed
pm-step-cancelled = Cancel
refusal-report-stale = It says something else by now. Look again.
field-not-minutes = Write the minutes as a whole number.
said-meeting-set = The meeting is set and the invitations are on their way.
said-meeting-held = The meeting is on record as held.
said-meeting-cancelled = The meeting is cancelled and everybody is told.
said-invited-to-meeting = The invitation is on its way.
said-action-added = The task is opened.
said-opened-pm = { $what } is open.
said-report-approved = The report is approved and frozen.
said-report-sent = The report is on its way.

owner = Owner
report-page = Outage report
report-open = Outage report
report-page-for = Outage report for { $customer }
report-version = version { $n }
report-whose = One report per customer, with nothing of the others in it.
report-nobody = No customer is on record as affected. Add one on the incident.
report-state-draft = draft
report-state-approved = approved
report-state-sent = sent
report-state-replaced = replaced
report-as-text = Text
report-preview = Exactly what they get
report-exactly = Exactly what they get.
report-write = Write
report-write-next = Write the next version
report-title-field = Title, in their words
report-edition = Edition
report-contact-field = Where to ask
report-hint-summary = What they could see: what failed, how often, since when.
report-hint-scope = Who and how much, with figures.
report-hint-not-affected = What kept working; whether data is safe.
report-hint-resolution = In one plain paragraph; what was makeshift, what lasts.
report-hint-cause = The mechanism in plain words. No names, no blame. A first report may leave it empty.
report-hint-future = What changes beyond the tasks that were promised.
report-hint-apology = Meant, and short.
report-checks = Checks
report-clean = Nothing internal was found.
report-blocks = Blocks:
report-advises = Better:
report-lacks = Not written yet:
report-rows = { $count ->
    [0] No entry of the timeline is marked for the report.
    [one] One marked entry of the timeline.
   *[other] { $count } marked entries of the timeline.
}
report-approval = Approval
report-approval-rule = By somebody who didn't write it. Where nobody else is there, the report says so.
report-approve = Approve what I see
report-is-approved = Approved by a second person; the bytes are frozen.
report-is-waived = Approved by its author alone; the report says so.
report-send = Send
report-no-contacts = This customer has no contacts.
report-to = To
report-place-title = title
report-place-contact = contact
report-place-services = services
report-place-timeline = timeline
report-place-commitments = promises
report-place-summary = what happened
report-place-scope = who was affected
report-place-not-affected = what was not affected
report-place-resolution = how it was resolved
report-place-cause = why it happened
report-place-future = what will change
report-place-apology = from us to you
leak-staff-name = a name of ours. Say the role.
leak-internal-name = an internal name. Use the public one.
leak-other-customer = another customer.
leak-mail-address = a mail address.
leak-network-address = a network address.
leak-host-name = a machine of ours.
leak-identifier = a commit or an internal id.
leak-ticket-key = a ticket's key.
leak-path = a path.
leak-secret = looks like a secret. Change it where it is used, too.
leak-machine-text = text of a machine: a log line, a trace, a query.
leak-blame = blame or a legal statement. Say what happened.
leak-vague = says less than it seems. Give a figure.

afterwards = Afterwards
pm-open = Post-mortem
