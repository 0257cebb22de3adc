# What each entry of a timeline says, after its actor's name.

tape-quiet = { $span } without events
tape-somebody = Somebody
tape-house = Watchkeeper
tape-worked-since = in fact since { $at }
tape-resolved-at = in fact at { $at }
tape-recorded = recorded { $at }

door-web = in the browser
door-mail = by mail
door-git = by git
door-monitoring = by monitoring
door-phone = by phone
door-api = by API
door-chat = by chat
door-link = by link
door-import = by import
door-cli = on the command line
door-clock = by the clock

entry-opened = opened it
entry-note = wrote a note
entry-reply = answered the customer
entry-reply-one = answered { $name } alone
entry-update = told everybody affected
entry-customer-solved = says that it is solved
entry-customer-message = wrote to us
entry-customer-contact = spoke with the customer
entry-customer-contact-of = spoke with { $name }
entry-automatic-mail = sent an automatic mail; it counts for nothing
entry-shared = let the customer read a note
entry-no-reply-needed = said that no answer is needed
entry-no-reply-needed-of = said that { $name } needs no answer
entry-unsatisfied = The answer didn't arrive, so it doesn't count
entry-owner-set = gave it to { $name }
entry-owner-set-self = has it
entry-owner-cleared = put it back; nobody has it
entry-handed-over = handed it over to { $name }
entry-state-changed = changed the state to { $to }
entry-state-changed-exempt = changed the state to { $to }, inside the freeze “{ $freeze }”, from which approved changes of type { $exempt } are exempt
entry-state-changed-frozen = changed the state to { $to }, inside the freeze “{ $freeze }”
entry-restored = restored service
entry-resolved = resolved it
entry-closed = closed it
entry-reopened = opened it again
entry-cancelled = cancelled it
entry-held = put it on hold: { $on } { $whom } { $until }
entry-released = ended the hold: { $on } { $whom }
entry-hold-nudged = The owner was reminded: { $on } { $whom }
entry-severity-changed = changed the severity from { $from } to { $to }
entry-priority-changed = changed the priority from { $from } to { $to }
entry-risk-changed = changed the risk from { $from } to { $to }
entry-title-changed = renamed it; it was "{ $from }"
entry-due-changed = moved the due date from { $from } to { $to }
entry-customer-changed = changed the customer from { $from } to { $to }
entry-service-changed = changed the service to { $to }
entry-team-changed = gave it to the team { $to }
entry-impact-changed = corrected when the impact began: { $to }, not { $from }
entry-restored-changed = corrected since when it works: { $to }, not { $from }
entry-resolved-changed = corrected when it was resolved: { $to }, not { $from }
entry-reported-changed = corrected when { $name } told us: { $to }, not { $from }
entry-edited = edited it
entry-edited-answers = took { $from } from the one who asked: answers go to { $to } now
entry-affected-added = added { $name } as affected
entry-affected-restored = said that it works again for { $name }
entry-taken-back = { $what ->
    [customer_contact] took back that somebody spoke with the customer (#{ $corrects })
    [no_reply_needed] took back that no answer is needed (#{ $corrects })
    [restored] took back that service was restored (#{ $corrects })
    [affected_restored] said that it doesn't work for { $name } after all
   *[other] took back #{ $corrects }
 }
entry-role-taken = made { $name } { $role }
entry-role-taken-self = is { $role } now
entry-role-left = left nobody as { $role }
entry-watcher-added = added { $name } as watcher
entry-watcher-removed = took { $name } off the watchers
entry-labelled = labelled it { $label }
entry-unlabelled = took the label { $label } off
entry-linked = linked it: { $relation } { $to }{ $from }
entry-unlinked = took a link away: { $relation } { $to }{ $from }
entry-merged = merged it into { $into }
entry-absorbed = merged { $from } "{ $title }" into this
entry-unmerged = took it apart again from { $from }{ $other }
entry-evidence = attached { $files }
entry-callback-promised = promised to call back by { $until } { $number }
entry-callback-promised-of = promised to call { $name } back by { $until } { $number }
entry-callback-done = called back as promised
entry-callback-done-of = called { $name } back as promised
entry-update-promised = promised the next update by { $until }
entry-update-promised-later = promised the next update by { $until }, later than the { $later_than } that was agreed
entry-first-look = took a first look
entry-report-marked = changed what goes into the outage report
entry-redacted = redacted an entry
entry-redacted-here = redacted an entry; a file of it still hangs on { $also_on }
entry-file-taken = took { $name } out of quarantine
entry-clock-warned = { $metric } is due soon
entry-clock-breached = { $metric } is late
entry-clock-still-late = { $metric } has been late for { $late_by }
entry-clock-withdrawn = withdrew a clock: { $metric }
entry-paged = paged { $people }
entry-page-acknowledged = acknowledged the page
entry-page-suppressed = A page was not sent
entry-page-undelivered = A page could not be delivered
entry-dead-end = Nobody answered: the escalation has reached its end
entry-told = told { $people }{ $name }
entry-join-requested = asks to join
entry-join-accepted = let somebody join
entry-join-refused = refused somebody
entry-delivery-failed = A message could not be delivered { $name }
entry-commit-linked = linked { $commit }{ $commits } in { $repository }
entry-pushed =
    { $did ->
        [fix_landed] has a fix that landed; this is over when it runs where it is needed
        [note_revert] takes back what was committed for this
        [revert_prepared] prepared the way back; deploying it takes the change back
        [refuse_reopen] asks to open this again; no commit reopens a change
        [reopen] asks to open this again, which can't be
        [deny_resolve] asks to resolve this; { $refused ->
            [pusher-may-not] { $who }, who pushed it, may not
            [pusher-unnamed] but the git server doesn't say who pushed it
           *[other] but nobody here is known as “{ $who }”, who pushed it
        }
        [deny_reopen] asks to open this again; { $refused ->
            [pusher-may-not] { $who }, who pushed it, may not
            [pusher-unnamed] but the git server doesn't say who pushed it
           *[other] but nobody here is known as “{ $who }”, who pushed it
        }
        [repair] repairs what this did
        [blame] is part of what caused this
        [backport] brings this to { $ref }
       *[other] pushed
    }
tape-by-commit-verb = line { $line } of { $commit } in { $repository } says "{ $verb }"
tape-by-commit-line = line { $line } of { $commit } in { $repository } names it
tape-by-commit = because of { $commit } in { $repository }
tape-by-commit-late = the commit was written { $at }
entry-approval-asked = asked for approval
entry-approved = approved it
entry-approved-for = approved it for { $for_name }
entry-approval-given = approved it; still needed: { $needs }
entry-not-before = (not before { $at })
entry-approval-given-for = approved it for { $for_name }; still needed: { $needs }
entry-approval-refused = refused to approve it
entry-approvers-told =
    { $why ->
        [ran_out] asked { $people } to approve it again: the approval ran out ({ $at })
        [changed] asked { $people } to approve it again: it isn't what was approved or asked about
        [missing] asked { $people } to approve it: an approval doesn't count any more
        [reminder] reminded { $people } that it waits for their decision
       *[silence] told { $people } that nobody decides
    }
entry-glass-broken = broke the glass; to be reviewed by { $until }
entry-glass-broken-frozen = broke the glass inside the freeze “{ $freeze }”; to be reviewed by { $until }
entry-glass-broken-unentitled = broke the glass while the service was away, and isn't among those who may; to be reviewed by { $until }
entry-glass-reviewed = reviewed the broken glass: { $verdict }
entry-meeting-set = set the meeting
entry-meeting-moved = moved the meeting
entry-meeting-held = The meeting was held
entry-meeting-cancelled = cancelled the meeting
entry-report-drafted = drafted the outage report
entry-report-approved = approved the outage report
entry-report-sent = sent the outage report
entry-imported = imported it

role-operator = operator
role-customer-voice = customer voice
role-scribe = scribe
role-gatherer = gatherer

relation-parent-of = parent of
relation-duplicate-of = duplicate of
relation-caused-by = caused by
relation-follows = follows
relation-post-mortem-of = post-mortem of
relation-action-of = action of
relation-related-to = related to
relation-parent-of-back = part of
relation-duplicate-of-back = has duplicate
relation-caused-by-back = caused
relation-follows-back = followed by
relation-post-mortem-of-back = reviewed in
relation-action-of-back = led to
relation-related-to-back = related to

outcome-successful = successful
outcome-rolled-back = rolled back
outcome-failed = failed

channel-mail = mail
channel-webhook = webhook
