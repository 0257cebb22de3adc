# Commits without a change, and changes without a commit.

field-unknown-repository = There is no such repository.
refusal-coverage-too-many = That period has more than { $max } commits or changes. Choose a shorter one, or one repository.

coverage-title = Commits and changes
coverage-lead = Which published commits stand on a change, which don't, and which changes ended without a commit. Every number leads to its list.
coverage-how = A commit stands where its message says so (Refs: CHG-7 or stronger; a mention is none), or what the push named. Merges, reverts of what stood on nothing, fixups, programs ([bot]) and imports aren't asked. A change is of the repositories of its services, and counts in the week in which it was closed.
coverage-every = every repository
coverage-none = Changes whose services have no repository
coverage-no-commits = no commits
coverage-share = On a change
coverage-head-change = Commits on a change
coverage-head-ticket = On another ticket
coverage-head-no-ticket = Decided: no ticket
coverage-head-nothing = On nothing
coverage-head-exempt = Not asked
coverage-head-without = Changes without a commit
coverage-head-with = Changes with one
coverage-published = Published
coverage-stands = Stands on
coverage-closed = Closed
coverage-change = Change
coverage-outcome = How it ended
coverage-empty = Nothing.
coverage-column-change = Commits on a change
coverage-column-ticket = Commits on another ticket, and on no change
coverage-column-no-ticket = Commits without a ticket, by decision
coverage-column-nothing = Commits on nothing
coverage-column-exempt = Commits that aren't asked
coverage-column-without = Changes without a commit
coverage-column-with = Changes with a commit
coverage-means-change = Their message or their push says so.
coverage-means-ticket = A task, an incident or a post-mortem. The work is known; nobody planned or approved it as a change.
coverage-means-no-ticket = Their message (No-Ticket:) or their push (-o no-ticket=) says why.
coverage-means-nothing = No ticket is named, and nobody said why.
coverage-means-exempt = Merges, reverts of what stood on nothing, fixups, what programs wrote by themselves, and what came by an import or is older than the repository's record.
coverage-means-without = Closed in this time; no commit of any repository stands on them. Some need none: work on machines, or at a supplier.
coverage-means-with = Closed in this time, with a commit of some repository.
coverage-standing-change = a change
coverage-standing-ticket = another ticket
coverage-standing-no-ticket = decided
coverage-standing-nothing = nothing
coverage-standing-merge = a merge
coverage-standing-revert = a revert
coverage-standing-autosquash = squashed into another
coverage-standing-bot = a program's
coverage-standing-imported = imported, or older than the record
