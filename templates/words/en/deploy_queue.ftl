# Deployments that wait for a freeze to lift.

field-only-a-wish-waits = Only what begins now can wait: with the status started.
field-not-a-gap = No time at all to 24 h, such as 10 min.
refusal-deploy-superseded = { $version } doesn't begin any more: { $by } took its place.
refusal-deploy-withdrawn = { $version } doesn't begin any more: { $by } withdrew it.
refusal-deploy-expired = { $version } waited for too long and doesn't begin any more. Ask for it anew, under another id.
refusal-deploy-not-waiting = It doesn't wait any more: it is { $state ->
        [released] let go
        [begun] begun
        [superseded] replaced by a newer one
        [withdrawn] withdrawn
       *[other] over
    }.

entry-deployment-queued =
    { $reason ->
        [window] asked to deploy { $what } to { $environment } once “{ $detail }” allows it
        [turn] asked to deploy { $what } to { $environment }: it waits for its turn
        [go] asked to deploy { $what } to { $environment }: somebody says go
        [overtaken] { $what } waits for a person: something else was deployed to { $environment } meanwhile
        [before_failed] { $what } waits for a person: the one before it failed
       *[other] { $what } can't begin in { $environment }: { $detail }
    }
entry-deployment-released = { $what } may begin in { $environment }
entry-deployment-dropped =
    { $did ->
        [superseded] { $what } doesn't go to { $environment } any more: { $who } took its place
        [withdrawn] withdrew { $what } from the queue for { $environment }
       *[other] { $what } waited for { $environment } too long and doesn't begin any more
    }

deploy-waits =
    { $reason ->
        [window] waits: { $what } to { $place } until “{ $detail }” allows it ({ $opens }); id { $id }
        [turn] waits: { $what } to { $place } for its turn; id { $id }
        [go] waits: { $what } to { $place } until somebody says go; id { $id }
        [overtaken] waits: { $what } to { $place } for a person: something else was deployed there meanwhile; id { $id }
        [before_failed] waits: { $what } to { $place } for a person: the one before it failed; id { $id }
       *[other] waits: { $what } to { $place }: { $detail }; id { $id }
    }

deploy-queue-title = Waiting to begin
deploy-queue-lead = What may begin is asked for once more by its pipeline. One after the other, only the newest of each place.
deploy-queue-released = may begin
deploy-queue-reason-window = waits for a window
deploy-queue-reason-turn = waits for its turn
deploy-queue-reason-go = waits for go
deploy-queue-reason-overtaken = something else was deployed meanwhile
deploy-queue-reason-before-failed = the one before it failed
deploy-queue-reason-refused = can't begin
deploy-queue-opens = may begin
deploy-queue-since = asked for
deploy-queue-go = Go
deploy-queue-withdraw = Withdraw
deploy-queue-gap = Between two that waited for a freeze
deploy-queue-gap-hint = Such as 10 min: long enough to see the first one go wrong.
deploy-queue-needs-go = What waited for a freeze begins when somebody says go
said-deploy-go = It begins as soon as nothing else keeps it.
said-deploy-withdrawn = It doesn't begin any more.

letter-deployment-stuck-subject = A deployment waits for somebody: { $title }
letter-deployment-stuck-body = { $what } was to begin in { $environment } by now and doesn't, for { $reason ->
        [go] somebody has to say go
        [overtaken] something else was deployed there meanwhile, and this may take it back
        [before_failed] the one before it failed
       *[other] it is refused: { $detail }
    }.
letter-deployment-stuck-action = Look at it
letter-deployment-dropped-subject = A deployment doesn't begin any more: { $title }
letter-deployment-dropped-body = { $what } waited to begin in { $environment } and doesn't any more: { $did ->
        [superseded] { $who } took its place
        [withdrawn] { $who } withdrew it
       *[other] it waited for too long
    }.
letter-deployment-dropped-action = Open the change
letter-deployment-released-subject = A deployment may begin: { $title }
letter-deployment-released-body = { $what } waited to begin in { $environment } and may now. Its pipeline asks once more by itself if it was told to wait; otherwise start it within 24 hours.
letter-deployment-released-action = Open the change
