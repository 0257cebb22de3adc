# Hooks, repositories and what commits do.

hook-failed = the push is done, but recording it failed: { $why }
hook-no-check = this message wasn't checked: { $why }
hook-install-away = { $url } doesn't answer now ({ $why }); installed all the same, and pushes will be told later
hook-installed = { $hook } hook installed at { $path }
hook-chained = the hook that was there runs first; it is { $path } now
hook-keeps = what forced pushes and deleted branches leave behind is kept under refs/watchkeeper/keep, and clients don't see it
hook-not-kept = what this push left behind isn't kept: { $why }
hook-not-set-up = this repository isn't set up; run `watchkeeper hook install`
hook-no-ticket = this message names no ticket; add a line such as "Refs: CHG-7", or "No-Ticket: why"
hook-enforced = refused, because .watchkeeper.toml says enforce = true; your message is in .git/COMMIT_EDITMSG
hook-understood = read as { $links }
hook-live = { $service } { $version } is live in { $environment }, says { $tag }
hook-live-frozen = warning: that happened while "{ $freeze }" was on
hook-unclear-tag = warning: { $tag } says nothing about what is live: no such environment, or no such service
hook-unknown-ticket = warning: { $key } doesn't exist
hook-near-miss = "{ $text }" isn't read as a ticket; did you mean "{ $instead }"?
hook-not-a-link = "{ $text }" isn't read as a ticket
hook-conflict = { $text } is both closed and reopened here, so neither happens
hook-not-checked = tickets not checked: the service didn't answer within { $millis } ms
hook-token-refused = the service doesn't take this repository's token: { $why }
hook-push-refused = the service refused a push for good: { $why }; it lies in { $path }
hook-recorded-later = { $count ->
    [one] one push will be recorded later
   *[other] { $count } pushes will be recorded later
}. { $why }
hook-goes-on = { $count ->
    [one] one push is being recorded in the background
   *[other] { $count } pushes are being recorded in the background
}
hook-told-elsewhere = an earlier push is still being recorded in the background, and this one after it
hook-drained = { $sent } sent, { $left } still waiting
hook-found-lost = { $count ->
    [one] one ref had
   *[other] { $count } refs had
} moved and nobody told: { $refs }. It is told now
hook-told = { $key } { $relation }, { $count ->
    [one] one commit
   *[other] { $count } commits
}{ $did }

did-link = { "" }
did-content = { ", fills the plan" }
did-open = { ", which begins with it" }
did-resolve = { ", resolved" }
did-reopen = { ", reopened" }
did-fix-landed = { ", fix landed" }
did-note-revert = { ", taken back" }
did-revert-prepared = { ", revert prepared" }
did-refuse-reopen = { ", but a commit can't reopen a change" }
did-deny-resolve = { ", but not resolved: who pushed this may not, or isn't known there" }
did-deny-reopen = { ", but not reopened: who pushed this may not, or isn't known there" }
did-repair = { ", repaired" }
did-blame = { ", found to be caused by that work" }
did-backport = { ", brought to this branch" }

repositories-title = Repositories
repositories-none = No repository tells us about its commits yet.
repository-new = Register a repository
repository-register = Register
repository-save = Save
repository-name = Repository
repository-name-hint = As people call it, such as infra/web.
repository-branch = Default branch
repository-branch-hint = What lies on it is published: commits there close tasks.
repository-publish = Other published branches
repository-publish-hint = Names or patterns, such as release/*.
repository-others = What else is made from it: their freezes hold for its pushes too
repository-url = Address of a commit
repository-url-hint = Optional; { "{commit}" } stands for its id.
repository-tags = Tags say what is live
repository-tags-hint = Where no pipeline reports deployments: the tag deploy/prod/4.12.0 says that 4.12.0 is live in prod from then on, and so does env/prod whenever it moves. Of several services: deploy/prod/web/4.12.0, env/prod/web. "Refs: CHG-7" in an annotated tag's message names the change.
repository-strangers = Pushers whom nobody here knows may resolve and reopen, too
repository-strangers-hint = "Closes TSK-7" acts with the rights of whoever pushed: somebody whose login or address is known here. Tick this where the git server doesn't say who pushes, and everybody who may push may also do that.
repository-active = In use; without this its hooks are turned away
repository-retired = retired
repository-silent = silent
repository-silent-since = Nothing was heard of this repository since
repository-silent-text = It may rest. If people do push there, its hook can't reach us any more: "watchkeeper hook doctor" says why, on the server. A timer for "watchkeeper hook drain" shows that it is well while nobody pushes. Untick "In use" below if it is done with.
repository-gap = { $count ->
    [one] one ref moved unheard
   *[other] { $count } refs moved unheard
}
repository-gaps = Refs that moved, and nobody told us
repository-gaps-text = Commits there stand on no ticket yet. "watchkeeper hook drain" on the server tells of them, and so does the next push; then this goes away.
repository-gap-found = found
repository-gap-missing = { $count ->
    [0] nothing is missing
    [one] one commit is missing
   *[other] { $count } commits are missing
}
repository-gap-gone = it is gone
repository-compared = Refs last compared with ours
repository-last = Last push
repository-tokens = Tokens
repository-token = Command with the token
repository-new-token = New token
repository-new-token-of = New token for { $name }
repository-fresh = Run this in { $name }: in the bare repository to record pushes, in clones to be warned at commit time.
repository-fresh-text = The token is shown now and never again. An older one works for another day.
deed-repository-registered = registered the repository
deed-repository-changed = changed the repository

push-refused = refused ({ $code }): { $text }
push-warning = { $code }: { $text }
push-no-ticket = { $ref } wants a ticket, and { $commits } names none. Add "Refs: CHG-7" with git commit --amend, or say it for all: git push -o ticket=CHG-7
push-unknown-ticket = { $key } doesn't exist ({ $ref }). Correct it with git commit --amend, or say the right one: git push -o ticket=CHG-7
push-wrong-type = { $key } isn't of a kind that { $ref } takes.
push-wrong-state = { $key } isn't in a state in which { $ref } takes it.
push-not-approved = { $key } isn't approved, and { $ref } wants an approved change. Ask for the approval on its page, then push again.
push-approval-stale = The approval of { $key } doesn't hold any more: it ran out, or the change was changed. Ask for it again on its page, then push again.
push-not-yet = { $name } approved { $key } from { $until } on: it isn't pushed before. Push again then, or in an emergency: git push -o break-glass="why it can't wait"
push-self-approved = { $key } was approved by an author of these commits. Somebody else has to look at it.
push-freeze = { $ref } is frozen by "{ $name }" until { $until }. Push again after { $next }, or in an emergency: git push -o break-glass="why it can't wait"
push-freeze-closed = { $ref } is frozen by "{ $name }" until { $until }. What can't wait goes through in an emergency: git push -o break-glass="why it can't wait"
push-freeze-approve = { $ref } is frozen by "{ $name }" until { $until }: only what was approved since it began goes in. Ask for the approval of its change, or in an emergency: git push -o break-glass="why it can't wait"
push-freeze-warn = "{ $name }" asks to wait until { $until } ({ $ref }). It goes through.
push-frozen-of = { $text } It is of { $services }.
push-conflict = { $key } can't go ahead: { $what } ({ $with }). Wait for it, or in an emergency: git push -o break-glass="why it can't wait"
push-conflict-warn = { $key }: { $what } ({ $with }). It goes through.
push-waiver = { $ref } wants an approved change: "no ticket" won't do.
push-autosquash = { $commits } is still a fixup ({ $ref }). Fold it first: git rebase -i --autosquash
push-forced = { $ref } may not lose commits. Fetch, rebase or merge, and push again.
push-tag-moved = the tag { $ref } exists and may not point elsewhere. Make a new one.
push-deleted = { $ref } may not be deleted.
push-service-down = the service doesn't answer, and { $ref } waits for it. Try again soon, or in an emergency: git push -o break-glass="why it can't wait"
push-glass-denied = the glass stays whole: breaking it wants a reason of at least ten characters, and somebody whom the service knows by their login here and who may do it.
push-more = { $n ->
    [one] one reason more
   *[other] { $n } reasons more
}
push-glass = the glass is broken: { $key } has it on record, and somebody else will review it. { $place }
push-glass-incident = it is linked to the incident { $key }. { $place }
hook-not-an-option = refused: { $text } names no ticket
doctor-service = { $url } answers, and takes this repository's token
doctor-away = wrong: { $url } doesn't answer ({ $why })
doctor-wrong = wrong: { $why }
doctor-hook = { $hook } runs ours, { $path }
doctor-not-executable = wrong: { $path } isn't executable: chmod +x it
doctor-other-hook = wrong: { $path } isn't ours; `watchkeeper hook install` puts ours behind it
doctor-no-hook = wrong: there is no { $hook } hook; run `watchkeeper hook install`
doctor-before = { $path } runs before ours ({ $hook })
doctor-no-options = wrong: git push -o doesn't reach this repository: git config receive.advertisePushOptions true
doctor-kept = { $count } lost tips are kept under refs/watchkeeper/keep
doctor-kept-shown = wrong: clients see what is kept: git config --add transfer.hideRefs refs/watchkeeper
doctor-waiting = wrong: { $count } waiting to be told; `watchkeeper hook drain` tells them
doctor-refused = wrong: { $count } refused by the service for good, in watchkeeper/spool; without their ending .refused they are told again
doctor-halves = { $count } half-written files of hooks that were killed: they go by themselves after an hour
hook-snapshot-unsound = what the service told last isn't signed by it: nothing is decided from that. Run `watchkeeper hook install` again if the service has moved
hook-other-key = the service signs with another key than the one this repository knows: what it told isn't kept for when it is away. Run `watchkeeper hook install` again if it has moved
doctor-no-pin = no key of the service is pinned yet: the next push does it
hook-dry-run = this was a dry run: nothing was pushed
hook-rule = { $ref } is judged by the rule for { $rule }
hook-no-rule = { $ref } has no rule: it goes through
hook-not-judged = the service doesn't answer ({ $why }); the push goes through and is told later
hook-compared-unheard = the service doesn't hear what was found ({ $why }); it is told with what is missing
hook-alone = the service doesn't answer ({ $why }): this is decided by what it said { $age } ago
hook-open-glass = the service doesn't answer; the glass is broken all the same, and will be told when it is back
repository-rules = What pushes are asked
repository-rules-hint = One [[rule]] after the other; the first whose refs fit counts. Left empty, freezes hold for the published branches.
repository-rules-now = In force
repository-decisions = Pushes that were turned away or warned
repository-no-decisions = None so far.
push-said-refused = turned away
push-said-through = let through
repository-by-hook = decided by the hook while the service was away
settings-git-logins = Logins on git servers
settings-git-logins-hint = A login and an address a line. Whom a server calls by their address here needs none. Only known people break the glass with a push, and "Closes TSK-7" acts with their rights.
field-not-a-git-login = A login and an address are wanted on each line: { $value } is neither.
field-git-login-twice = { $value } stands here twice.
field-not-rules = Line { $line }: { $why }
field-too-many-push-rules = At most { $max } rules.
field-rule-not-refs = A rule's refs are whole names such as refs/heads/main or refs/tags/v*: { $refs } is none.
field-rule-value = { $refs }: { $value } is no value for { $name }.
field-rule-other = { $name } isn't part of a rule. Rules begin with [[rule]].
field-rule-unknown-env = env names an environment: { $value } is none. Known: { $known }
field-rule-never = { $refs }: an approved change is always a CHG, and types leaves it out.
field-no-such-commit = A place in the list of commits is wanted.
