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
