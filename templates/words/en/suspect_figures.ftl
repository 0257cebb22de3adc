# How often the list of suspects was right.

hits-title = How often the suspects were right
hits-lead = Of the incidents whose cause people found: where on the list did it stand when they said so? A cause that isn't on it comes from a place that nobody tells us of, such as a pipeline without watchkeeper deploy.
hits-none = –
hits-found = Causes found
hits-first = It stood first
hits-three = Among the first three
hits-rank = Mean reciprocal rank
hits-unlisted = Not on the list
hits-unexplained = Resolved, no cause named
hits-behind = The incidents
hits-at = Found
hits-place = Place
hits-incident = Incident
hits-no-place = not on the list
hits-more = and { $n } more
hits-how = The mean reciprocal rank is 1 where the cause always stood first, 0.5 where it always stood second. What somebody marks is kept with the place it had at that moment; marks from before this was kept count as not on the list.
