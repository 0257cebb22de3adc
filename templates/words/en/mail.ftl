# Mail that comes in, letters that go out, and the pages that show both.

mail-unknown-sender = unknown sender
mail-no-subject = (no subject)
mail-no-text = (no text)
mail-unreadable-title = Unreadable mail
mail-unreadable-title-of = Unreadable mail: { $subject }

letter-footer-promise = Next update promised by { $at }
letter-footer-promise-own = Next update promised by { $at } (your time)
letter-footer-ticket = Ticket { $key }
letter-footer-incident-ticket = Incident { $key }
letter-footer-change-ticket = Change { $key }
letter-footer-task-ticket = Task { $key }
letter-footer-post-mortem-ticket = Post-mortem { $key }
letter-footer-answers = Answers to { $address } are filed with it.
refusal-file-link-expired = This link has expired. Answer the mail that it stands in, and we send the file again.
letter-large-file = { $name }, { $size } MB, too large for a mail; this link works until { $until }
letter-footer-house = { $house }, sent by Watchkeeper

letter-received-subject = We have your message
letter-received-body =
    Your message arrived and is ticket { $key }. Somebody will look at it.

    To add something, reply to this mail and keep its subject.
letter-received-incident-body =
    Your message arrived and is incident { $key }. Somebody will look at it.

    To add something, reply to this mail and keep its subject.
letter-received-change-subject = We have your request for a change
letter-received-change-body =
    Your message arrived and is change { $key }. It is planned and approved before anything is touched.

    To add something, reply to this mail and keep its subject.
letter-received-task-body =
    Your message arrived and is task { $key }. Somebody will do it in its turn.

    To add something, reply to this mail and keep its subject.
letter-reply-subject = { $title }
letter-reply-body = { $from } wrote:
letter-update-subject = Update: { $title }
letter-update-change-subject = Update on the change: { $title }
letter-update-body = { $from } wrote:
letter-customer-wrote-subject = { $from } wrote: { $title }
letter-customer-wrote-body = { $from } wrote on { $key } "{ $title }":
letter-customer-wrote-action = Open the ticket
letter-customer-solved-subject = Solved, says the customer: { $title }
letter-customer-solved-body = { $from } says that { $key } "{ $title }" is solved. Nobody waits for an answer; resolve it if it is done.
letter-customer-solved-action = Open the ticket
letter-customer-reopened-subject = Open again: { $title }
letter-customer-reopened-body = { $from } wrote on { $key } "{ $title }", which was resolved. It is open again.
letter-customer-reopened-action = Open the ticket
letter-join-request-subject = Somebody else writes about: { $title }
letter-join-request-body =
    { $from } sent a mail that points to { $key } "{ $title }", but isn't known to it.

    Accept or refuse it beside the ticket. Unanswered, it becomes a ticket of its own at { $until }.
letter-join-soon-subject = Decide about a mail: { $title }
letter-join-soon-body =
    { $from } asks to join { $key } "{ $title }", and nobody has answered yet.

    Accept or refuse it beside the ticket. At { $until } it becomes a ticket of its own.
letter-join-soon-action = Look at it
letter-staff-bounced-subject = A notice to { $from } came back
letter-staff-bounced-body =
    Mail to { $from } can't be delivered: { $why }. Whoever it is for hears nothing of their tickets and is paged by no mail.

    Correct the address, or have them look at their mailbox.
letter-staff-bounced-action = Look at the bounce
letter-join-request-action = Look at it
letter-assigned-subject = Yours now: { $title }
letter-assigned-change-subject = A change is yours now: { $title }
letter-assigned-task-subject = A task is yours now: { $title }
letter-assigned-post-mortem-subject = A post-mortem is yours now: { $title }
letter-assigned-body = { $from } gave you { $key } "{ $title }".
letter-assigned-action = Open the ticket
letter-handed-over-subject = Handed to you: { $title }
letter-handed-over-change-subject = A change is handed to you: { $title }
letter-handed-over-task-subject = A task is handed to you: { $title }
letter-handed-over-post-mortem-subject = A post-mortem is handed to you: { $title }
letter-handed-over-body = { $from } handed { $key } "{ $title }" over to you, with this note:
letter-handed-over-action = Open the ticket
letter-page-subject = { $severity }: { $title }
letter-page-body =
    You are paged for { $key }.

    { $severity }: { $title }
letter-page-action = Acknowledge
letter-test-subject = Test page
letter-test-body =
    This is the test page that you asked for.

    If it reached you where a page must reach you, confirm it.
letter-test-action = I have seen it
letter-disk-full-subject = The disk is nearly full
letter-disk-full-body =
    { $free } MB are free on the disk of { $house }'s database, of { $size } MB. Until there is more room nothing new is taken in: mail stays with its sender, and new tickets, notes, files and hooks are refused. Reading, answering and paging go on.

    Make room, or lower the settings min_free_mb and min_free_percent.
letter-disk-room-subject = There is room on the disk again
letter-disk-room-body = { $free } MB are free on the disk of { $house }'s database, of { $size } MB. Mail, tickets, notes, files and hooks are taken in again, after { $span }.
letter-freeze-ahead-subject = Freeze ahead: { $window }, from { $from }
letter-freeze-ahead-body =
    The freeze "{ $window }" begins { $from } and ends { $until }.

    { $level ->
        [warn] Changes may begin in it; each is noted.
        [approve] Changes begin in it only with an approval that was given inside it.
       *[block] No change begins in it; what has begun may be finished.
    }
letter-freeze-ahead-action = Look at the calendar
letter-maintenance-ahead-subject = Maintenance ahead: { $window }, from { $from }
letter-maintenance-ahead-body = The maintenance window "{ $window }" is open from { $from } until { $until }.
letter-maintenance-ahead-action = Look at the calendar
freeze-ahead-changes =
    { $n ->
        [0] No planned change falls into it.
        [one] One planned change falls into it:
       *[other] { $n } planned changes fall into it:
    }
freeze-ahead-more = … and { $n } more
letter-digest-subject = { $n } notices that had to wait
letter-digest-body = They couldn't be sent when they were written, the first of them { $span } ago. What is over by now is left out, and what has come up since stands on the tickets.
letter-digest-line = { $at } { $subject }
letter-digest-more = … and { $n } more, in the queue:
letter-notice-subject = { $title }
letter-notice-body = There is news on { $key } "{ $title }".
letter-notice-action = Open the ticket
letter-invitation-subject = Post-mortem meeting: { $title }
letter-invitation-body = You are invited to talk about { $key } "{ $title }". The calendar entry is attached.
letter-invitation-action = Open the ticket
letter-report-subject = Outage report: { $title }
letter-report-body = Here is our report on { $key } "{ $title }".
letter-account-subject = Your account at { $house }
letter-account-body = Hello { $name }, this link is for your account at { $house }.
letter-account-action = Open the link
letter-invite-subject = Your account at { $house }
letter-invite-body =
    Hello { $name }, an account was made for you at { $house }.

    Choose a password with this link. It works once, until { $expires_at }.
letter-invite-action = Choose a password
letter-reset-subject = A new password for { $house }
letter-reset-body =
    Hello { $name }, somebody asked for a new password for your account at { $house }.

    If it was you, use this link. It works once, until { $expires_at }. If it wasn't, do nothing: your password stays as it is.
letter-reset-action = Choose a new password
letter-set-up-subject = Set up { $house }
letter-set-up-body = This link sets up your Watchkeeper. It works once, until { $expires_at }.
letter-set-up-action = Set it up

said-done = Done.
mail-places = Mail
mail-in-title = Mail that came in
mail-one-title = A mail
mail-waiting = { $count ->
    [one] One mail waits to be read.
   *[other] { $count } mails wait to be read.
}
mail-show = Show
mail-filter = Filter
mail-none = Nothing here.
mail-not-read = not read yet
mail-received = Received
mail-sender = From
mail-subject = Subject
mail-verdict = What became of it
mail-ticket = Ticket
mail-duplicate-of = Copy of
mail-first-copy = the first one
mail-unverified = not verified
mail-proven = verified by our relay
mail-refuted = forged, says the sender's domain (DMARC)
mail-because = Decided by
mail-because-route = it came to { $address } ({ $place })
mail-because-clue-signed = it answers us: { $pointer } ({ $place }) is signed for { $key }
mail-because-clue-foreign = it answers a mail that is on { $key }: { $pointer } ({ $place })
mail-because-clue-subject = the subject names { $key }
mail-because-clue-their-number = the subject has the number that { $key } has at the sender's
mail-because-standing-known = the sender is known to that ticket
mail-because-standing-same-customer = the sender is of that ticket's customer
mail-because-standing-other-customer = the sender is of another customer
mail-because-standing-unknown = the sender is unknown to that ticket
mail-because-forged = it carries an address or an id of our shape that we didn't sign
mail-because-rights-onlooker = the sender is one of ours without a role that works on tickets: a stranger's rights, and no keyword counts
mail-because-rights-former = the sender is one of ours without access now: a stranger's rights, and no keyword counts
mail-because-new = nothing in it leads to a ticket
mail-place-envelope = envelope
mail-place-delivered-to = Delivered-To
mail-place-to = To
mail-place-cc = Cc
mail-place-in-reply-to = In-Reply-To
mail-place-references = References
mail-place-subject = subject
mail-envelope = Envelope
mail-dated = Dated by the sender
mail-charset = Read as
mail-remark = Note
mail-file = File
mail-raw = Download the raw mail
mail-read-in = Unreadable? Read its text as
mail-read-in-own = what it says itself
mail-read-in-do = Read
mail-put-right = Put this text on the ticket
mail-keep-set = Read it so from now on
mail-no-copy = It is no copy: take it in
mail-no-copy-why = Why it is no copy
mail-no-copy-of = Was taken for a copy of
mail-deed-taken-in = { $name } had it taken in
mail-deed-taken-in-why = { $name } had it taken in: { $why }
mail-deed-no-copy = { $name } said that it is no copy and had it taken in: { $why }
mail-deed-dropped = { $name } let it go
mail-deed-charset = { $name } had its text read as { $set }
tape-read-again = read as { $set }, chosen by { $name }
tape-first-reading = As it was read first
tape-read-in = read again as { $set }
field-not-a-charset = "{ $value }" is no character set that can be chosen. There are { $accepted }.
refusal-mail-on-no-ticket = This mail stands on no ticket.
refusal-mail-reads-the-same = In that character set the text reads no different, or there is none.
mail-html = Show the HTML form
mail-html-not-shown = HTML form not shown
mail-html-too-big = This mail's HTML form is larger than 2 MB, or nested too deep to be cleaned, and is never shown uncleaned. The mail as it came has it.
mail-html-text = Read the text
mail-accept = Accept: put it on the ticket
mail-refuse = Refuse: make it a ticket of its own
mail-take-in = Take it in after all
mail-read-again = Read it again
mail-drop = Let it go
mail-block = Block this sender
mail-shown-all = everything
mail-shown-held = held
mail-shown-join-request = asking to join a ticket
mail-shown-opened = opened a ticket
mail-shown-appended = added to a ticket
mail-shown-automatic = automatic mail
mail-shown-bounce = bounces
mail-shown-duplicate = copies
mail-shown-unreadable = unreadable
mail-verdict-opened = opened a ticket
mail-verdict-appended = added to the ticket
mail-verdict-join-request = asks to join the ticket
mail-verdict-duplicate = copy of a mail that came before
mail-verdict-automatic = automatic: changed nothing
mail-verdict-bounce = bounce
mail-verdict-unreadable = unreadable: a ticket carries it
mail-verdict-held = held
mail-verdict-dropped = let go by a person
mail-also-to = Also delivered to
mail-other-ticket = Ticket at another address
mail-why-own-ticket = this address has a ticket of its own for it
mail-same-id = Same Message-ID
mail-same-id-other = another mail, by a program that gives one id to several
mail-kin = Same mail thread?
mail-has-forged = A mail here carries an id or reply address of ours that isn't genuine: guessed, old, or of another installation. It was matched with no ticket.
mail-passed-on = { $name } (passed on by { $agent })
mail-why-bytes-missing = its bytes are missing
mail-why-reading-failed = reading it failed each time it was tried; the mail is kept as it came
mail-why-forged = it carries an id of ours that isn't genuine
mail-why-newcomer = new on this ticket
mail-why-after-close = its ticket was closed
mail-why-join-refused = somebody refused to let it join
mail-why-join-unanswered = nobody answered its request to join
mail-why-alert-over = nothing is open for this alert
mail-why-same-customer = of the same customer
mail-why-other-customer = other customer
mail-why-unknown = unknown to the ticket
mail-why-auto-reply = an automatic reply
mail-why-generated = written by a program
mail-why-list = by a mailing list
mail-why-bulk = bulk mail
mail-why-away = an out-of-office note
mail-why-no-return-path = without a return path
mail-why-own-copy = our own copy, as it lies in a mailbox
mail-why-receipt = a receipt
mail-why-abuse-report = an abuse report
mail-why-calendar-reply = an answer to an invitation
mail-why-voicemail = a recorded call
tape-refuted = the sender's domain says that it isn't from them (DMARC)
tape-powerless-onlooker = verified: one of ours, whose roles work on no tickets
tape-powerless-former = verified: one of ours, who has no access now
tape-newcomer = new on this ticket
tape-caller = { $name } called
tape-severity-word = severity by the word "{ $word }"
tape-encrypted = encrypted: its text can't be read here
tape-reader-failed = reading this mail failed: the file mail.eml is all of it
tape-answers-staff = answers a letter of ours for staff: internal
tape-new-topic = new subject "{ $subject }": its own ticket?
join-until = Unanswered, it becomes a ticket of its own then.
join-decide-until = Decide until
mail-held-loop = our own mail came back
mail-held-blocked = the sender is blocked
mail-held-flood = too many with this subject within an hour
mail-held-answers = this address was answered too often within an hour
mail-held-reopens = too many replies reopened the ticket
mailboxes-title = Mailboxes that are watched
mailbox-name = Mailbox
mailbox-read = Last read
mailbox-never = never
mailbox-fault = Trouble
mailbox-since = since
mail-held-large = above the limit: its header is here, the whole is in its mailbox
mail-held-failed = reading it failed
mail-remark-unreadable = Nothing in it could be understood.
mail-remark-reader-failed = The program that reads mail failed on it. Its header and its first lines stand here; the raw mail has all of it.
mail-remark-over-limits = Too many headers or parts: only the header was read.
mail-remark-parts-left-out = More parts, or deeper ones, than are kept one by one: the rest is one file.
mail-remark-text-cut = The text was cut; the raw mail has all of it.
mail-remark-charset-guessed = The declared character set didn't fit; it was guessed.
mail-remark-broken-encoding = A part's encoding was broken.
mail-remark-text-from-html = The text was made from the HTML form.
mail-remark-executable = A file of it would run when opened: it is in quarantine.
mail-remark-signature-unchecked = It is signed; the signature wasn't checked.
mail-remark-signature-valid = It is signed by its sender, and as it was signed. The certificate was good when it came, and leads to an authority that is trusted here.
mail-remark-signature-intact = It is as it was signed.
mail-remark-signature-broken = The signature doesn't hold: the text was changed, or another key signed it.
mail-remark-signature-unreadable = It should be signed, but no signature can be made out.
mail-remark-signature-algorithm = It is signed in a way, or with a key, that proves nothing today.
mail-remark-signature-partial = Only a part of it is signed: what stands around that part isn't.
mail-remark-signer-not-sender = Whoever signed it isn't its sender: the certificate is for another address.
mail-remark-signer-missing = The signer's certificate isn't in it, so the signature can't be checked.
mail-remark-certificate-expired = The signer's certificate had ended when it came.
mail-remark-certificate-not-yet-valid = The signer's certificate wasn't valid yet when it came.
mail-remark-certificate-unfit = The certificate isn't made for signing mail.
mail-remark-chain-untrusted = The certificate leads to no authority that is trusted here, or one between is missing.
mail-remark-chain-expired = The certificate of an authority above the signer's had ended when it came.
mail-remark-chain-unchecked = The certificate was not checked against any authority: none is named in the settings.
mail-signer = Signed by
mail-remark-encrypted = A part is encrypted, and there is no key for it here.

silent-label = Warning: no mail comes in
silent-band = No mail has come in for { $span }.
silent-text = Each of the last four weeks had some at this hour: look whether the mail server still delivers.
silent-see = What came in
unread-label = Warning: a mailbox is in trouble
unread-band = The mailbox { $name } is in trouble.
unread-see = What is wrong
held-label = Mail is held
held-band = { $count ->
    [one] One mail is held until somebody looks at it.
   *[other] { $count } mails are held until somebody looks at them.
}
held-see = What is held
unanswered-label = Warning: somebody may not be reachable
unanswered-band = No answer to the last self-test page from { $names }.
unanswered-text = They may be called, and have answered no page for a day after a self-test. It ends when they answer any page.
unanswered-see = On call
stuck-label = Warning: mail doesn't leave
stuck-band = { $count ->
    [one] One message can't leave: it was tried, and waits.
   *[other] { $count } messages can't leave: they were tried, and wait.
}
stuck-see = What waits

out-title = Messages that go out
out-one-title = A message
out-queued = Queued
out-kind = What
out-to = To
out-state = State
out-replay = Send again
out-attempts = Tries
out-no-attempts = Not tried yet.
out-state-queued = waiting
out-state-accepted = accepted by the relay
out-state-unsure = probably sent
out-state-dead = given up
out-state-cancelled = no longer wanted
out-state-joined = sent with others
out-outcome-started = began, end unknown
out-outcome-accepted = accepted
out-outcome-deferred = not now
out-outcome-refused = refused
out-outcome-unsure = unknown
out-kind-page = Page
out-kind-notice = Notice
out-kind-reply = Reply
out-kind-auto-answer = Automatic answer
out-kind-invitation = Invitation
out-kind-report = Outage report
out-kind-account = Account letter
out-kind-webhook = Webhook
out-kind-test = Test page

intake-title = Mail addresses
intake-about = Mail to these addresses becomes tickets of the kind named here. Mail to any other address becomes an incident of severity average.
intake-no-addresses = No address is set: all mail becomes incidents of severity average.
intake-new = New address
intake-address = Address
intake-kind = Becomes
intake-severity = Severity
intake-severity-default = average
intake-none = not set
intake-customer = Customer
intake-generated = Mail that programs generate opens tickets here (monitoring, recorded calls)
intake-generated-from = Whose generated mail opens tickets here
intake-generated-from-hint = A mail address or @domain, one a line; nothing is needed where all of it does.
intake-copies = Contacts of the same customer who are in copy watch the ticket
intake-own-ticket = A ticket of its own here, also if the same mail went to another of our addresses
intake-words = Words that set something
intake-severity-words = Words that set the severity
intake-severity-words-hint = A line for each severity: P1, down = disaster. Whole words in the subject or the text; the worst decides.
intake-form-fields = Labels in the form of an answering service
intake-form-fields-hint = A line for each field: number = Call back, Phone. There are caller, number, customer, title and severity.
intake-keywords = What our own people may set by a line above their text
intake-keywords-hint = severity, priority, service, customer, label. Counts only where our relay vouches for the sender (DMARC).
field-not-a-mail-word = "{ $value }" can't be one of the words: it needs a letter or a digit, and no comma or "=".
field-mail-word-twice = "{ $value }" stands here twice.
field-too-many-mail-words = That are too many words: { $max } at most.
field-not-severity-words = "{ $value }" isn't like: P1, down = disaster. Severities are disaster, high, average, warning and information.
field-not-form-fields = "{ $value }" isn't like: number = Call back, Phone. Fields are caller, number, customer, title and severity.
field-not-a-keyword = "{ $value }" is no keyword. There are severity, priority, service, customer and label.
field-too-many-senders = That are too many senders: { $max } at most.
intake-list = Mail that a list sends on counts as a person's (the list is a way in to us)
intake-separator = Before a tag
intake-separator-hint = What stands between the address and a tag: + - . or =. Answers to us carry one: support+inc-12.…@example.org
intake-active = Takes mail
intake-off = off
intake-blocked = Blocked senders
intake-none-blocked = Nobody is blocked.
intake-pattern = Address or domain
intake-pattern-hint = someone@example.org, or @example.org for everybody there. Their mail is held, not answered.
intake-reason = Why
intake-block = Block
intake-unblock = Unblock

refusal-mail-already-taken-in = This mail was taken in already.
refusal-mail-still-unreadable = This mail still can't be read: its ticket carries the raw mail.
refusal-mail-not-held = This mail isn't held any more.
refusal-mail-no-join-request = Somebody answered this request already.
refusal-block-own-address = { $pattern } is an address of ours.
refusal-already-blocked = { $pattern } is blocked already.
refusal-delivery-not-over = This message is on its way or arrived; only given up or unsure ones are sent again.
field-no-mail-kind = Mail can't become this kind.
field-not-a-block-pattern = "{ $value }" is neither a mail address nor a domain such as @example.org.

# Why a message of ours wasn't sent.
unwanted-answered = no longer wanted: somebody had answered, or it was over
unwanted-promise-kept = the promise was kept meanwhile
unwanted-promise-held = its clock is held; the release tells again
unwanted-promise-moved = the deadline has moved since
unwanted-newer = a newer page about the same incident took its place
unwanted-join-answered = somebody answered the request before it could be sent
unwanted-over = the ticket was over before it could be sent
unwanted-window-moved = the window was changed or switched off before it could be sent
unwanted-window-over = the window was over before it could be sent
unwanted-deactivated = the recipient is deactivated
unwanted-webhook-off = the webhook is gone or paused
waits-no-relay = no mail server is set up
unsendable-no-sender = no sender address is set
unsendable-no-address = `{ $address }` is no mail address

# `watchkeeper mail explain`.
explain-envelope = Envelope
explain-read = As it was read
explain-sender = Who wrote it
explain-class = What sort of mail it is
explain-thread = Which ticket it means
explain-route = How it came in
explain-outcome = What would become of it
explain-not-given = (not given)
explain-null-path = <> (the null return path)
explain-to = To
explain-cc = Cc
explain-message-id = Message-ID
explain-text = Text
explain-bytes = { $bytes } bytes
explain-part = { $name } ({ $type }, { $bytes } bytes)
explain-shown = Shown as
explain-address = Address
explain-who = Known as
explain-who-contact = a contact
explain-who-staff = one of ours
explain-who-former = somebody without access any more: a stranger
explain-who-onlooker = one of ours who may not work on tickets: a stranger
explain-who-stranger = a stranger
explain-proof = Vouched for
explain-proof-proven = yes: an aligned DMARC pass by our own relay
explain-proof-unproven = no: our own relay says nothing of it
explain-proof-refuted = no: DMARC failed
explain-forwarded = Passed on by
explain-class-of = Sort
explain-class-personal = a person's
explain-class-automatic = automatic: opens, reopens and satisfies nothing
explain-class-bounce = a bounce
explain-class-own-returned = a mail of ours that came back
explain-rule = Rule
explain-status = Says
explain-bounce-permanent = can't be delivered
explain-bounce-delayed = still being tried
explain-recipient = To whom
explain-about = About the mail
explain-our-list = its list is a way in to us: counts as a person's
explain-loop = A loop
explain-loop-mark = it carries our own loop header
explain-loop-message-id = its Message-ID is one of ours
explain-loop-address = it says that it is from an address of ours
explain-alert = Monitoring
explain-alert-problem = a problem
explain-alert-recovery = the end of a problem
explain-alert-acknowledged = somebody has it
explain-answer = Automatic answer
explain-no-answer-wanted = the sender wants none
explain-answer-none = none
explain-answer-to = to { $address }
explain-answer-daily = to { $address }, unless that stranger had one today
explain-pointers = Pointers
explain-no-pointers = none: no reply address, no id that it answers, no key in the subject
explain-place-envelope = Envelope
explain-place-delivered-to = Delivered-To
explain-place-to = To
explain-place-cc = Cc
explain-place-in-reply-to = In-Reply-To
explain-place-references = References
explain-place-subject = Subject
explain-says-genuine = ours and genuine, about { $ticket }
explain-says-named = names { $ticket }, as anybody could
explain-says-forged = looks like one of ours and isn't genuine
explain-says-doubtful = carries a token that we didn't make
explain-says-about-none = ours, about no ticket
explain-says-foreign = somebody else's id
explain-decided = this one decided
explain-found = Ticket
explain-found-none = none
explain-found-by = Found by
explain-by-signed = a signed reply address or Message-ID of ours
explain-by-foreign = the Message-ID of a mail on the ticket
explain-by-subject = the key in the subject
explain-by-number = the other side's own number
explain-standing = The sender is
explain-standing-known = known to the ticket
explain-standing-same-customer = of the ticket's customer, and new on it
explain-standing-other-customer = of another customer
explain-standing-unknown = unknown to the ticket
explain-landing = So it may
explain-landing-appended = be added to it
explain-landing-appended-newcomer = be added to it, marked as by somebody new
explain-landing-join-request = ask to join it
explain-came-to = Came to
explain-no-route = no address of ours that has a rule: an incident of severity average
explain-route-rule = Rule of
explain-besides = A ticket besides
explain-service = Service
explain-team = Team
explain-because = Because
explain-title = Title
explain-kind = New
explain-state = State then
explain-entry = Entry
explain-readers-internal = for staff
explain-readers-customer = for staff and the customer
explain-readers-all-affected = for everybody affected
explain-letter = Letter

quarantine-tag = quarantine
quarantine-title = A file in quarantine
quarantine-warns = This file came by mail and would do something when opened.
quarantine-text = Its sender is whoever wrote the mail, and may not be who they say. Open it only where nothing can be lost: on a machine without access to anything of ours.
quarantine-trace = Taking it out is recorded on the ticket's timeline, with your name.
quarantine-name = File
quarantine-size = Size
quarantine-why = It is
quarantine-hash = SHA-256
quarantine-take = Take it out all the same
quarantine-leave = Leave it
danger-program = a program
danger-script = a script
danger-shortcut = a shortcut that starts something
danger-macros = an office document with macros
danger-volume = a disk image

sign-by = signed by { $signer }
sign-signature-unchecked = signed, not checked
sign-signature-valid = signature valid
sign-signature-intact = as it was signed
sign-signature-broken = signature doesn't hold
sign-signature-unreadable = signature can't be read
sign-signature-algorithm = signature proves nothing today
sign-signature-partial = signed in part only
sign-signer-not-sender = signer is not the sender
sign-signer-missing = signer's certificate is missing
sign-certificate-expired = certificate had ended
sign-certificate-not-yet-valid = certificate not valid yet
sign-certificate-unfit = certificate isn't for mail
sign-chain-untrusted = issuer not trusted
sign-chain-expired = issuer's certificate had ended
sign-chain-unchecked = issuer not checked
