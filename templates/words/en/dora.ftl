# Figures of delivery, and the lists behind them.

refusal-figures-too-many = That period has more than { $max } deployments. Choose a shorter one, or one service.

figures-title = Figures of delivery
figures-lead = How soon what is written is live, how often something is deployed, how often that goes wrong, and how soon it is right again. Every number leads to the deployments behind it.
figures-nobody = Of services and weeks, never of people: a figure that ranks somebody is soon a figure that is worked on instead of the service. Shares are of all deployments that came to an end. The middle is the median; 9 of 10 is the nearest value that occurs.
figures-own-zone = Your own
figures-as-of = This period isn't over. Counted up to
figures-empty = No deployments to production began in this period.
figures-whole = The whole period
figures-weeks = Week by week
figures-week = Week from
figures-week-of = week from { $day }
figures-cut = partly
figures-none = no deployments
figures-no-commits = commits not known
figures-no-recovery = nothing recovered
figures-all = Deployments
figures-frequency = Deployment frequency
figures-lead-time = Change lead time
figures-fail-rate = Change fail rate
figures-recovery = Failed deployment recovery time
figures-rework-rate = Rework rate
figures-share = { $share } % ({ $n } of { $all })
figures-often = { $week } a week ({ $n } live)
figures-spread-lead =
    { $n ->
        [one] { $median } (one commit)
       *[other] middle { $median }, 9 of 10 within { $p90 } ({ $n } commits)
    }
figures-spread-recovered =
    { $n ->
        [one] { $median } (once)
       *[other] middle { $median }, 9 of 10 within { $p90 } ({ $n } times)
    }
figures-lack-running =
    { $n ->
        [one] One deployment has begun, and nobody has told its end: it isn't counted yet.
       *[other] { $n } deployments have begun, and nobody has told their end: they aren't counted yet.
    }
figures-lack-unrecovered =
    { $n ->
        [one] One deployment failed and isn't right yet, as far as is known: its time isn't in the recovery time.
       *[other] { $n } deployments failed and aren't right yet, as far as is known: their time isn't in the recovery time.
    }
figures-lack-lead-unknown =
    { $n ->
        [one] Of one deployment nobody told us the commits: it isn't in the lead time.
       *[other] Of { $n } deployments nobody told us the commits: they aren't in the lead time.
    }

figures-list-title = Behind the number
figures-count =
    { $n ->
        [one] One deployment.
       *[other] { $n } deployments.
    }
figures-more = More
figures-fail = Why it counts as failed
figures-incidents = Incidents
figures-right-after = Right again after
figures-rework-title = Why it counts as rework
figures-followed-by = this one
figures-lead-of =
    { $n ->
        [one] one commit, { $median }
       *[other] { $n } commits, middle { $median }
    }
figures-no-news = nothing new
figures-commits-unknown = not known
figures-number-all = Deployments
figures-number-reached = Deployments that were live
figures-number-lead = Deployments that brought commits
figures-number-lead-unknown = Deployments whose commits nobody told us
figures-number-failed = Failed deployments
figures-number-recovered = Failed deployments that are right again
figures-number-unrecovered = Failed deployments that aren't right yet
figures-number-rework = Rework
figures-number-running = Deployments that still run
figures-means-all = To production, begun in this time, and come to an end, however that was.
figures-means-reached = They were live, if only for a while.
figures-means-lead = From the moment that a commit was made to the end of the first deployment that brought it to production; merges left out.
figures-means-lead-unknown = Without a commit, the first one of its service, or of a repository that tells us nothing.
figures-means-failed = Somebody found that an incident comes of it; or within 24 hours a rollback or hot-fix followed that is linked to an incident; or it failed; or it was taken back.
figures-means-recovered = From its begin until its incidents were over; without one, until the next deployment succeeded or it was taken back.
figures-means-unrecovered = An incident that comes of it goes on, or nothing has succeeded since.
figures-means-rework = Through a freeze or without approval, by a change that was, or to mend an incident.
figures-means-running = Begun, and nobody has told their end.
figures-why-caused = an incident comes of it
figures-why-intervened = mended within a day by
figures-why-failed = it failed
figures-why-rolled-back = it was taken back
figures-rework-emergency = an emergency
figures-rework-mends = mends an incident
