# Approvals of changes: who has to, who did, and what they saw.

approval-title = Approval
approval-is-standing = Approved
approval-is-waiting = Approved, and doesn't begin before
approval-said-so = { $name } said so.
approval-not-before = Not before
approval-not-before-hint = Empty: it may begin at once. What has to begin later is refused until then.
approval-approve-otherwise = Say it anew
approval-is-expired = The approval ran out
approval-is-stale = Not the change any more that was approved.
approval-anew = It begins only after it is approved again.
approval-who = Who approves
approval-rule-house = one approver besides its author
approval-rule-version = { $name } (version { $version })
approval-holds-for = an approval holds { $span }; time in which a freeze blocks it doesn't count
approval-needed = Still needed
approval-need-approvers =
    { $n ->
        [one] one approver
       *[other] { $n } approvers
    }
approval-need-team = one approver from { $name }
approval-need-owner = one approver from the team of each service
approval-need-commits = again after every further commit
approval-digest = Digest
approval-changed-since = Changed since { $name } approved
approval-nothing = nothing
approval-for = for { $name }
approval-own-name = my own
approval-in-name = In whose name
approval-approve-anew = Approve it as it is now
approval-worth-counts = counts
approval-worth-apart = doesn't count: on the other side of this change by now
approval-worth-over = taken back
approval-worth-stale = doesn't count: the change is another now
approval-worth-expired = ran out
approval-field-title = Title
approval-field-purpose = Purpose
approval-field-starts-at = From
approval-field-ends-at = To
approval-field-side-effects = Expected side effects
approval-field-version-before = Version before
approval-field-version-after = Version after
approval-field-artefact = Digest of what is deployed
approval-field-revert = How to revert
approval-field-environment = Environment
approval-field-sort = Kind of change
approval-field-risk = Risk
approval-field-services = Services
approval-field-rule = Rule
approval-field-commits = Commits
approval-commits = { $n ->
    [one] 1 commit: { $list }
   *[other] { $n } commits: { $list }
}
change-ask-anew = Ask for approval again
change-environment = Environment
change-environment-usual = where customers are ({ $name })
change-sort = Kind of change
change-sort-normal = normal
change-sort-standard = standard: by a known recipe
change-sort-emergency = emergency
said-voted = Your approval of { $what } counts; others are still needed.

approval-waits-for = Waits for
approval-waits-for-nobody = nobody who may approve it: whoever could is an author of it
approval-on-call = on call now
approval-works-now = works now
approval-works-from = works again from
approval-asked = Asked
approval-asked-soon = about to be
approval-reminded = reminded
approval-is-reminded = reminded once, if nobody answers:
approval-escalated = { $name } told
approval-is-escalated = { $name } told, if nobody answers:

approvals-title = Approvals
approvals-lead = Of the rules that fit a change the strictest applies. Where none fits, one approver besides its author is enough, and an approval holds { $span }, that of a standard change 90 days.
approvals-none = No rule yet: one approver besides the author is enough for any change.
approval-rules = Rules
approval-when = For what
approval-everything = every change
approval-risky = { $risk } or more
approval-valid = Holds for
approval-valid-hint = Such as 8 h or 72 h; empty: 24 h. Time in which a freeze blocks the change doesn't count.
approval-retired = retired
approval-rule-new = New rule
approval-rule-edit = Change it
approval-rule-lead = The author of a change, whoever asked for its approval and the authors of its commits are never among those who approve it. When a rule decides otherwise (who, how many, of what, for how long), what was approved under it is approved again; its name and its reminders decide nothing.
approval-approvers = Approvers
approval-approvers-hint = Besides those from teams.
approval-team = And one approver from this team
approval-no-team = none
approval-wants-owner = And one approver from the team of each of its services
approval-binds-commits = A vote is for the commits that there are: after a further one it is approved again
approval-silence = While nobody answers
approval-remind = Remind approvers after
approval-remind-hint = Such as 4 h; 0: never; empty: 4 h. Once, and a freeze doesn't stop this clock.
approval-escalate = Tell a team after
approval-escalate-hint = Such as 8 h, later than the reminder; empty: never. Once.
approval-escalate-team = Which team
approval-nobody-hears = none
approval-reminds = reminded after { $span }
approval-escalates = { $name } told after { $span }
approval-silent = nothing happens
approval-any-kind = any
approval-environments-some = Only in these environments; none ticked means all
approval-services-some = Only for these services; none ticked means all
approval-on = It counts
approval-away = While approvers are away
approval-away-lead = An approver can name another one who approves in their name for some time. Whoever is named is no less bound: nobody approves their own change.
approval-away-none = Nobody is away.
approval-stands-in = { $to } approves for { $from }
approval-from = from
approval-end = End it
approval-name-somebody = Name somebody while I'm away
approval-choose = choose
approval-to = Who approves in my name
approval-starts = From
approval-starts-hint = Now, if you leave this empty.
approval-ends = Until
said-stands-in = It is noted who approves in your name.
said-stand-in-ended = It is ended.

refusal-approval-not-yet = { $name } approved { $key } from { $at } on: it doesn't begin before. { $name } can say otherwise by approving it anew.
refusal-approval-expired = The approval of { $key } ran out { $at }. Ask for it again, or have an approver approve it as it is now.
refusal-approval-stale = { $key } isn't the change any more that was approved: { $fields }. Ask for its approval again, or have an approver approve it as it is now.
refusal-approval-missing = { $key } isn't approved by everybody who has to: { $needs }. Ask for its approval again.
refusal-planned-it = You wrote the plan of this change or said of which services it is: somebody else approves it.
refusal-pushed-its-commits = You pushed a commit of this change: somebody else approves it.
refusal-deployed-it = You deployed this change: somebody else approves it.
refusal-approved-and-deploys = Whoever approved { $key } doesn't deploy it: somebody else approves it too, or deploys it.
settings-apart = Besides whoever wanted, planned or wrote a change, it isn't approved by
settings-apart-pusher = whoever pushed its commits
settings-apart-deployer = whoever begins or deploys it
refusal-wrote-its-commits = You wrote a commit of this change: somebody else approves it.
refusal-stands-in-for-author = You can't approve it in the name of its author.
refusal-stands-in-for-nobody = They haven't named you to approve in their name now.
refusal-voice-given = { $name } has approved it in the same name: one person, one vote.
refusal-too-many-stand-ins = You have named somebody { $max } times already: end one of them.
refusal-too-many-approval-rules = There are { $max } rules already: change one of them.
refusal-deploy-other-artefact = { $key } is approved for { $planned }, not for { $artefact }. Deploy that one, or change the plan and ask for approval again.
refusal-deploy-no-artefact = { $key } is approved for { $planned }: say with --artefact (field artefact) what is deployed.
refusal-deploy-other-version = { $key } is approved for version { $planned }, not for { $version }. Deploy that one, or change the plan and ask for approval again.
refusal-deploy-elsewhere = { $key } is planned for { $planned }, and its approval is for that: it can't be deployed to { $environment }. Change its environment and ask for its approval.
field-not-an-approver-count = A number from 0 to { $max } is wanted.
field-nobody-approves = Somebody has to approve: name a number, a team, or the team of its services.
field-not-a-validity = “{ $value }” is no such time. Write it like 8 h or 72 h: 15 min at least, 2160 h at most.
field-stands-in-for-themselves = Name somebody else.
field-away-in-past = It has to end in the future.
field-away-too-long = At most { $max } days.
field-may-not-approve = { $name } may not approve changes.
field-not-before-in-past = Name a time to come.
field-not-before-too-late = An approval given now runs out { $until }: name a time before that.
field-not-a-reminder = “{ $value }” is no such time. Write it like 4 h or 30 min: 5 min at least, 720 h at most; 0: never.
field-escalates-before-reminder = Later than the reminder.
unwanted-approval = it was answered, withdrawn or asked for anew before it could be sent

approval-letter-somebody = Somebody
approval-letter-purpose = What for: { $value }
approval-letter-services = Services: { $value }
approval-letter-where = Environment: { $value }
approval-letter-when = When: { $value }
approval-letter-version = Version: { $value }
approval-letter-artefact = Deployed is only: { $value }
approval-letter-risk = Risk: { $value }
approval-letter-facts = by its facts { $level } ({ $reasons })
approval-letter-no-risk = nobody judged it
approval-letter-freeze = Freeze: { $value }
approval-letter-open = none now
approval-letter-frozen = { $how } { $name }, until { $until }
approval-letter-revert = How to revert: { $value }
approval-letter-no-revert = nobody said
approval-letter-digest = Digest: { $value }
letter-approval-asked-subject = Please approve or refuse: { $title }
letter-approval-asked-body =
    { $from } asks for approval of { $key } "{ $title }". Still needed: { $needs }.

    { $details }

    You decide on its page. Opening it approves nothing.
letter-approval-asked-action = Look at it and decide
letter-approval-asked-anew-subject = Changed, please approve or refuse again: { $title }
letter-approval-asked-anew-body =
    { $key } "{ $title }" isn't any more what was approved or asked about. { $from } asks for approval of it as it is now. Still needed: { $needs }.

    What changed:
    { $changed }

    { $details }

    You decide on its page. Opening it approves nothing.
letter-approval-asked-anew-action = Look at it and decide
letter-approval-ran-out-subject = Ran out, please approve or refuse again: { $title }
letter-approval-ran-out-body =
    The approval of { $key } "{ $title }" ran out on { $ran_out_at }, before it was done. It is as it was approved. Still needed: { $needs }.

    { $details }

    You decide on its page. Opening it approves nothing.
letter-approval-ran-out-action = Look at it and decide
letter-approval-reminder-subject = Still waits for your decision: { $title }
letter-approval-reminder-body =
    { $from } asked on { $asked_at } for approval of { $key } "{ $title }", and waits. Still needed: { $needs }. There is no second reminder.

    { $details }

    You decide on its page. Opening it approves nothing.
letter-approval-reminder-action = Look at it and decide
letter-approval-escalated-subject = Nobody decides: { $title }
letter-approval-escalated-body =
    { $from } asked on { $asked_at } for approval of { $key } "{ $title }". Still needed: { $needs }. Nobody has answered; its page says for whom it waits.

    { $details }
letter-approval-escalated-action = See for whom it waits
