# Deployments: what is live where, since when, and how it is taken back.

api-tag-deployments = What is deployed where: asked for and told by pipelines, and read back for any moment.
field-unknown-environment = "{ $value }" is no environment of this house. Known: { $known }.
field-unknown-service-name = There is no service called "{ $value }". Its name stands on the Services page.
field-unknown-change = There is no change { $value }.
field-not-a-version = "{ $value }" is no version: write it without blanks.
field-not-a-commit = "{ $value }" is no commit: seven hex digits at least.
field-not-a-check = "{ $value }" is neither green nor red.
field-check-before-end = A check says something of what has ended: with the status succeeded or failed.
field-not-a-deploy-status = "{ $value }" is none of started, succeeded, failed, rolled_back.
field-in-future = It can't be in the future.
field-not-a-place = There is no place { $value }. Known: { $places }
field-not-a-size = 1 to 100,000 files.
refusal-deploy-left-lane = This deployment can't run under { $key } alone: { $why }. Name a change of its own that is approved; if it can't wait, break the glass and say why in 10 characters or more.
lane-title = Its lane
lane-lead = Deployments of these services that name no change run under this one, as long as they stay in its lane.
lane-open = open
lane-closed = closed
lane-health = { $n ->
        [0] Nothing was deployed for three weeks.
       *[other] { $failed } of the last { $n } failed or took one back.
    }
lane-leaves-danger = it touches a path that wants a second look
lane-leaves-too-big = it changes too many files
lane-leaves-no-way-back = nobody said how its service is taken back
lane-leaves-previous-failed = the one before it failed
lane-leaves-open-incident = an incident of its service is open
lane-leaves-too-many-failed = too many of the last ones failed
lane-most-files = Files of a deployment without a change of its own
lane-most-files-hint = For services with a standing change: one that changes more needs an approval of its own.
lane-dangers = Paths that need an approval of their own
lane-dangers-hint = A part of the path in each line, such as migration.
field-not-a-soak = One minute to 30 days, such as 24 h or 90 min.
refusal-deployment-differs = “{ $id }” was told before as { $version } to { $environment }: use another id for another deployment.
refusal-deployment-ended = It ended as { $status } and can't become { $to }.
refusal-deploy-frozen = “{ $name }” is in force: { $service } isn't deployed to { $environment } before { $opens }. If it can't wait, break the glass and say why in 10 characters or more.
refusal-deploy-outside-maintenance = { $service } is deployed to { $environment } only in maintenance windows: “{ $name }” opens { $opens }. If it can't wait, break the glass and say why in 10 characters or more.
refusal-deploy-outside-maintenance-unapproved = { $service } is deployed to { $environment } in maintenance windows, or with a change that was approved since the last one: “{ $name }” opens { $until }. If it can't wait, break the glass and say why in 10 characters or more.
refusal-deploy-frozen-unapproved = “{ $name }” is in force until { $until }: { $service } is deployed to { $environment } only with a change that was approved since it began. If it can't wait, break the glass and say why in 10 characters or more.
refusal-deploy-unapproved = { $key } isn't approved yet. If it can't wait, break the glass and say why in 10 characters or more.
refusal-deploy-change-over = { $key } is { $state }: name a change that is open.

entry-deployed =
    { $did ->
        [started] began to deploy { $what } to { $environment }
        [failed] failed to deploy { $what } to { $environment }
        [rolled_back] rolled { $what } back in { $environment }
        [check_green] found { $what } well in { $environment }: its check was green
        [check_red] found { $what } unwell in { $environment }: its check was red
        [reverted] deployed { $what } to { $environment }, which takes this back: it isn't live there any more
        [fix_live] deployed { $what } to { $environment } with the fix { $fix }: is it over?
        [fix_gone] deployed { $what } to { $environment }: the fix isn't live there any more
        [gone] took it back: { $what } is live in { $environment } again
       *[other] deployed { $what } to { $environment }
    }

deploy-refused = no: { $why }
deploy-known = known already: { $what } to { $place }, { $status }
deploy-go = yes: { $what } may be deployed to { $place }
deploy-live = { $what } is live in { $place }
deploy-noted = noted: { $what } to { $place }, { $status }
deploy-is-rollback = it goes back from { $before }
deploy-carries = carries { $tickets }
deploy-in-freeze = inside the freeze “{ $name }”
deploy-emergency = { $key } was opened for it; somebody else reviews it
deploy-spooled = the service can't be asked ({ $why }). The glass is broken: { $what } goes to { $place } all the same, and somebody else will review it. It is written down in { $path } and told by the next `watchkeeper deploy` or `watchkeeper hook drain` on this machine; if its files don't last, keep that one.
deploy-told-late = told now what went ahead while the service was away: { $what }
deploy-told-late-of = told now what went ahead while the service was away: { $what }, { $key }
deploy-still-waits = { $what } still waits to be told: { $why }; it lies in { $path }
deploy-spool-refused = the service won't have what went ahead while it was away: { $why }; it lies in { $path }
deploy-incident = { $key } is the incident that it is linked to
deploy-nothing-live = nothing was live at { $at }
deploy-never = { $what } was never deployed to { $place }
deploy-commits =   { $added } commits more, { $removed } fewer
deploy-told-tickets =   { $tickets }

deploy-mixed = mixed versions
glass-month = Broken glass, { $month }
glass-before = The month before
glass-after = The month after
glass-none = No glass was broken.
glass-month-lead = Each time somebody went ahead without approval or through a freeze, by team and reason. Other keys, hosts and versions in a reason make no other one.
glass-reason = Reason
glass-times = Times
glass-habit = It comes again and again: work that is approved once needs no glass.
glass-begin = Begin a standing change
glass-standing-of = Standing change: { $service } { $reason }
glass-standing-why = The glass was broken for this again and again: { $keys }. Plan it as a standing change, so that it is approved once.

deployments-title = Deployments
deploy-at = What was live at
deploy-at-hint = Empty: now.
deploy-environment = Environment
deploy-everywhere = every environment
deploy-service = Service
deploy-every-service = every service
deploy-status = How it went
deploy-every-status = however it went
deploy-show = Show
deploy-live-now = Live now
deploy-live-at = Live at
deploy-none = Nothing was deployed by then.
deploy-ledger = Every deployment
deploy-ledger-none = No deployment yet. One line in a pipeline tells of it: watchkeeper deploy web@4.12.0 --env prod --commit $SHA
deploy-began = Began
deploy-tickets = Tickets
deploy-what = What
deploy-who = By
deploy-before = before it { $version }
deploy-older = Older ones
deploy-is-live = live
deploy-in-a-freeze = In the freeze
deploy-glass = The glass was broken:
deploy-nothing = nothing
deploy-told = Told by
deploy-run = the run
deploy-commit = Commit
deploy-artefact = Digest
deploy-revision = Revision
deploy-no-tickets = none named, and none found by its commits
deploy-superseded = Something else is live by now: look there first.
deploy-no-revert = Nothing was live before it, or too little is known of it. The service's page takes a command for this.
deploy-commits-in = Commits that it brought
deploy-same-commit = The same commit as before.
deploy-taken = Taken away
deploy-where = Where it is live
deploy-now = { $version } is live there now
deploy-status-started = began
deploy-status-succeeded = succeeded
deploy-status-failed = failed
deploy-status-rolled-back = rolled back
deploy-check = Its check
deploy-check-green = green
deploy-check-red = red
deploy-check-is-red = check red
deploy-step-first = the first one
deploy-step-same = the same version again
deploy-step-forward = newer
deploy-step-rollback = back to an earlier version
deploy-step-sideways = neither has all that the other has
deploy-step-other = another version
revert-from-template = As this service is always taken back.
revert-from-artefact = What was live before, by its digest.
revert-from-git = By its commits; deploy afterwards.
deploy-rule = Taking it back
deploy-rule-revert = Command that takes a deployment back
deploy-rule-revert-hint = Places: { $places }. Empty: what was live before by its digest, or git.
deploy-rule-soak = How long a change is watched after it was deployed
deploy-rule-soak-hint = Such as 24 h or 90 min. After that it closes by itself, unless it caused an incident or was taken back.

entry-suspect-marked =
    { $blame ->
        [caused] found the cause: { $what }
        [contributed] found that { $what } contributed
       *[other] found that { $what } has nothing to do with it
    }
refusal-not-an-incident = { $key } is no incident.
field-unknown-subject = There is no such deployment, change or push.

suspects-title = What changed just before?
suspects-onset = Counted from
suspects-ruled-out = Changes are ruled out.
suspects-unknown = No change is known, but it can't be ruled out.
suspects-before = Looked at: 72 h before
suspects-around = what hangs together with that ({ $names })
suspects-folded =
    { $n ->
        [one] one more that is hardly suspected
       *[other] { $n } more that are hardly suspected
    }
suspects-alibis =
    { $n ->
        [one] one that can't have been it
       *[other] { $n } that can't have been it
    }
suspects-feeds = Heard last:
suspects-untold = Nobody tells us of changes of { $names }: the others can't vouch for that.
suspects-no-feeds = Nothing tells us of deployments or pushes: no change can be ruled out.
suspect-silent = not an alibi
suspect-rhythm = normally every { $span }
suspect-no-rhythm = too few events to know its rhythm
suspect-ran = ran when it began
suspect-ended = ended { $span } before it began
suspect-near-same-service = the same service
suspect-near-upstream = a service that it calls
suspect-near-shared = shared infrastructure
suspect-near-downstream = a service that calls it
suspect-near-two-hops = two hops away
suspect-near-same-team = another service of the same team
suspect-near-same-environment = only the same environment
suspect-words = same words: { $words }
suspect-emergency = an emergency
suspect-migration = a migration
suspect-irreversible = irreversible: no down step in { $files }
suspect-no-way-back = no way back is known
suspect-first = the first change there in 14 days
suspect-files = { $n } files
suspect-history = { $n } of { $of } like it were a cause
suspect-evidence-failed = it failed
suspect-evidence-check-red = its check was red
suspect-evidence-check-green = its check was green
suspect-evidence-taken-back = taken back before that
suspect-band-prime = prime suspect
suspect-band-possible = possible
suspect-band-listed = hardly
suspect-alibi-started-after = began after it
suspect-alibi-not-live = not live there
suspect-alibi-other-target = another target
suspect-alibi-taken-back-in-vain = taken back, and it went on
suspect-alibi-well-elsewhere = the same version runs well elsewhere
suspect-caused = It caused this
suspect-contributed = Contributed
suspect-cleared = Not this
blame-caused = The cause
blame-contributed = Contributed
blame-cleared = Not this

revert-clean = Still reverts cleanly.
revert-conflicts =
    { $n ->
        [one] Collides with what came later, in one file:
       *[other] Collides with what came later, in { $n } files:
    }
revert-irreversible = Irreversible, no down step:
revert-tried = Tried

# An incident's fixes.
entry-fix-declined = found that it isn't over with { $what } in { $environment }
fix-live = The fix is live
fix-live-since = { $what } runs in { $place } since
fix-missing =
    { $n ->
        [one] Another fix has landed and isn't live yet.
       *[other] { $n } other fixes have landed and aren't live yet.
    }
fix-over = It is over: resolve
fix-how = What fixed it
fix-not-over = It isn't over
fix-landed = A fix has landed and isn't live yet:
fix-was-live = A fix was live and isn't any more:
said-not-over = Noted: { $what } isn't over yet.
refusal-no-fix-live = No fix of { $key } is live that hasn't been judged.
settings-when-fixed = An incident whose fix is live
settings-when-fixed-hint = A commit that says "Fixes: INC-7" is a fix; it is live once a deployment has brought it to production.
when-fixed-propose = is proposed to be over
when-fixed-resolve = is resolved, if whoever pushed all its fixes may do so
heartbeat-noted = noted: { $source } is alive, and says so again within { $span }
heartbeat-noted-for = noted: { $source } is alive, tells of { $services }, and says so again within { $span }
field-not-a-rhythm = { $value } seconds: it is a minute to 30 days.
