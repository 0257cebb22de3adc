# Evidence for auditors: the page that makes it, and what its files say in words.

field-sample-too-big = At most { $max } are drawn.
field-not-a-seed = A whole number, such as 42.
field-not-a-sample = A whole number, such as 25.

evidence-page-title = Evidence for auditors
evidence-page-lead = Every deployment to production of a period, what was out of order with each, and a sample with all that is known. One archive; manifest.sha256 in it holds the hash of each file.
evidence-page-exceptions = Out of order
evidence-page-population = Every deployment
evidence-page-files = All columns stand in population.csv and population.jsonl, what was drawn in sample. manifest.sha256 holds the hash of each file: sha256sum -c manifest.sha256. If manifest.sha256.sig lies beside it, it was signed: ssh-keygen -Y verify -f SIGNERS -I NAME -n watchkeeper-evidence -s manifest.sha256.sig < manifest.sha256, where SIGNERS is a file with the line "NAME" and the public key of whoever made the export.
evidence-page-seed = Seed
evidence-page-seed-hint = Any whole number. The same seed draws the same sample again.
evidence-page-size = Sample
evidence-page-size-hint = How many deployments are drawn; auditors usually take 25.
evidence-page-make = Make the archive
evidence-page-cli = Or beside the server: watchkeeper evidence --from 2026-06-01 --to 2026-06-30 --seed 42 --sample 25 --out evidence.tar

evidence-title = Deployments to { $environment } that began from { $from } until before { $to }.
evidence-running = THE PERIOD ISN'T OVER: this is what was known at { $at }.
evidence-one =
    1. Deployment events, as pipelines and people told them: { $n }.
    population.csv lists each of them once, numbered from 1 without a gap, ordered by its begin. The list is made by the program, from
    its record; nobody chose what is on it.
evidence-source = - told by { $name }: { $n }, the first began at { $first }, the last at { $last }; longest silence between two { $silence }
evidence-lanes =
    { $broken ->
        [0] Each deployment got a number in its service and target when it was told. In all { $n } of them every number from 1 to the last is there: none is missing.
       *[other] Each deployment got a number in its service and target when it was told. NUMBERS ARE MISSING in { $broken } of { $n }:
    }
evidence-lane-broken = - { $service } { $target }: { $counted } were numbered, { $kept } are there, the highest is { $highest }
evidence-two =
    2. Ref events, as the hooks of { $repositories } repositories told them: published branches moved { $n } times.
    { $deployed } of these tips were deployed in the period, { $other } weren't (deployed together with a later one, elsewhere, later or never).
evidence-commits =
    Reconciliation: { $unknown } deployments name a commit that no repository told us of; { $without } name no commit.
evidence-three =
    3. Probes of what really runs: there are none. That a version is live is what was told in 1, and nothing else vouches for it.
evidence-exceptions =
    exceptions.csv, counted:
evidence-exception = - { $name }: { $n }. { $meaning }
evidence-exception-no-change = The deployment carries no change.
evidence-exception-unapproved = No approval of the change stood when the deployment began, and none came later.
evidence-exception-late-approval = The change was approved after the deployment began.
evidence-exception-self-approval = Whoever approved the change had asked for it. The program refuses this, and it is looked for all the same.
evidence-exception-approver-deployed = Whoever approved the change also told of the deployment.
evidence-exception-approver-wrote = Whoever approved the change wrote one of its commits, by the address in the commit.
evidence-exception-override = It went through a freeze or without approval; a reason was given, and a review was due.
evidence-exception-not-entitled = The glass was broken while the service was away, by somebody who may not break it.
evidence-exception-in-freeze = It began in a freeze, and nobody gave a reason: it was told afterwards, or the freeze only warns, asks for an approval, or lets changes of this type through.
evidence-exception-review-overdue = The glass of the change was broken, and nobody else looked at it in time.
evidence-exception-told-late = The record came more than an hour after the deployment ended.
evidence-exception-no-end = It began more than a day ago, and nobody told its end.
evidence-exception-feed-gap = Whoever tells of deployments was silent for more than a day and more than four times as long as in nineteen of twenty cases.
evidence-empty =
    Columns of whose facts the program keeps nothing, and which are empty: { $columns }.
evidence-partly = { $column } is empty where nobody told it: in { $n } of { $of }.
evidence-lacks =
    Not kept, and in no file: payloads of chats, logs and tests of pipelines (run_url leads to them), diffs
    (commits.csv has paths). Texts are as they stand now: what was redacted is shown as its tombstone.
evidence-chain =
    The chain of this installation's facts (on-call, deployments, approvals, broken glass) stands at entry { $seq }, { $hash }. chain.jsonl of each sample has the links of its deployment and approvals: the SHA-256 of "before", a line feed and "canonical" is "hash".
evidence-no-chain = The chain of this installation's facts has no entry yet.
evidence-sample =
    Sample: { $n } were drawn with the seed { $seed }; sample/01 is the first. { $how }
