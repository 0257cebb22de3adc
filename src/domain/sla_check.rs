//! Promises that would be written in vain: what is found wrong with an agreement's targets at save, before anybody counts on them.

use std::sync::Arc;

use super::id::{CustomerId, Id, Kind, ServiceId};
use super::severity::Severity;
use super::sla_agreement::{
    Agreement, Budget, Case, HoldsFor, Metric, Promisee, Target, USUAL_BACKDATE_DAYS,
};

/// Why a target is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vain {
    /// It allows no time at all.
    Nothing,
    /// Tickets of its kind have no severity.
    NoSeverity,
    /// Nothing on tickets of its kind keeps or misses such a promise.
    NoMetric,
    /// A vendor would keep it outside, and nothing on a ticket says when they did: it could only be missed.
    Unseen,
    /// The agreement isn't with its customer.
    NotTheirs,
    /// The target at this place, from 0, holds wherever it would.
    Shadowed { by: usize },
    /// As [`Vain::Shadowed`], by a promise to somebody else: a ticket has one clock of each metric.
    OtherAudience { by: usize },
}

/// What is wrong with each target of an agreement that isn't of use, by its place from 0.
pub fn vain(holds_for: &HoldsFor, targets: &[Target]) -> Vec<(usize, Vain)> {
    let numbered: Vec<Arc<Target>> = targets.iter().cloned().map(Arc::new).collect();
    let agreement = Agreement {
        id: Id::from_uuid(uuid::Uuid::nil()),
        holds_for: holds_for.clone(),
        name: String::new(),
        version: 0,
        backdate_days: USUAL_BACKDATE_DAYS,
        targets: numbered,
    };
    let found = targets.iter().enumerate();
    found
        .filter_map(|(place, target)| {
            let cannot = cannot(holds_for, target);
            let why = cannot.or_else(|| shadow(&agreement, place, target));
            why.map(|why| (place, why))
        })
        .collect()
}

fn cannot(holds_for: &HoldsFor, target: &Target) -> Option<Vain> {
    let is_incident = target.kind == Kind::Incident;
    let has_metric = match target.metric {
        Metric::Restore | Metric::Log => is_incident,
        Metric::Meeting => target.kind == Kind::PostMortem,
        Metric::Own
        | Metric::Respond
        | Metric::Update
        | Metric::Resolve
        | Metric::CallBack
        | Metric::Report
        | Metric::Review
        | Metric::Due => true,
    };
    let is_theirs = |customer: CustomerId| holds_for.customers().contains(&customer);
    if matches!(target.budget, Budget::Counted { secs } if secs <= 0) {
        Some(Vain::Nothing)
    } else if target.severity.is_some() && !is_incident {
        Some(Vain::NoSeverity)
    } else if !has_metric {
        Some(Vain::NoMetric)
    } else if target.promisee == Promisee::Vendor && !is_seen_of_a_vendor(target.metric) {
        Some(Vain::Unseen)
    } else if target.customer.is_some_and(|customer| !is_theirs(customer)) {
        Some(Vain::NotTheirs)
    } else {
        None
    }
}

/// Whether a ticket itself shows that a vendor did what they promise: that it works again, that it is solved. That they answered
/// us, took it on or wrote how it stands, it doesn't show: what keeps those promises is what we write and do.
const fn is_seen_of_a_vendor(metric: Metric) -> bool {
    match metric {
        Metric::Restore | Metric::Resolve | Metric::Due | Metric::Log => true,
        Metric::Own
        | Metric::Respond
        | Metric::Update
        | Metric::CallBack
        | Metric::Report
        | Metric::Review
        | Metric::Meeting => false,
    }
}

/// Tries every kind of ticket that the target is for: which of the agreement's targets holds there?
fn shadow(agreement: &Agreement, place: usize, target: &Target) -> Option<Vain> {
    let severities: Vec<Option<Severity>> = match (target.severity, target.kind) {
        (Some(severity), _) => vec![Some(severity)],
        (None, Kind::Incident) => Severity::ALL.iter().copied().map(Some).collect(),
        (None, Kind::Change | Kind::Task | Kind::PostMortem) => vec![None],
    };
    // Services and customers that nobody names are all alike: one stands for all.
    let services: Vec<Vec<ServiceId>> = match target.service {
        Some(service) => vec![vec![service]],
        None => std::iter::once(Vec::new())
            .chain(named(agreement, |it| it.service).map(|it| vec![it]))
            .collect(),
    };
    let customers: Vec<Option<CustomerId>> = match target.customer {
        Some(customer) => vec![Some(customer)],
        None => {
            let is_named = |customer: &&CustomerId| {
                agreement
                    .targets
                    .iter()
                    .any(|it| it.customer == Some(**customer))
            };
            let all = agreement.holds_for.customers();
            let unnamed = all.iter().find(|customer| !is_named(customer));
            let named = all.iter().filter(is_named);
            let mut some: Vec<_> = unnamed
                .into_iter()
                .chain(named)
                .copied()
                .map(Some)
                .collect();
            if some.is_empty() {
                some.push(None);
            }
            some
        }
    };
    let mut by = None;
    for severity in &severities {
        for services in &services {
            for customer in &customers {
                let case = Case {
                    customer: *customer,
                    kind: target.kind,
                    severity: *severity,
                    services,
                };
                let chosen = agreement.targets_for(&case);
                let holds = chosen.into_iter().find(|it| it.metric == target.metric)?;
                let holder = agreement
                    .targets
                    .iter()
                    .position(|it| Arc::ptr_eq(it, holds))?;
                if holder == place {
                    return None;
                }
                by = by.or(Some(holder));
            }
        }
    }
    by.map(
        |by| match agreement.targets[by].promisee == target.promisee {
            true => Vain::Shadowed { by },
            false => Vain::OtherAudience { by },
        },
    )
}

fn named<'a, T: 'a>(
    agreement: &'a Agreement,
    what: impl Fn(&Target) -> Option<T> + 'a,
) -> impl Iterator<Item = T> + 'a {
    agreement.targets.iter().filter_map(move |it| what(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::timestamp::Timestamp;

    const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

    fn of(metric: Metric, kind: Kind) -> Target {
        let mut target = Target::promise(metric, Promisee::Customer, kind, NOW, Id::new(NOW));
        target.budget = Budget::Counted { secs: 3600 };
        target
    }

    fn severe(severity: Severity) -> Target {
        Target {
            severity: Some(severity),
            ..of(Metric::Respond, Kind::Incident)
        }
    }

    #[test]
    fn an_earlier_equal_target_shadows_a_later_one() {
        let any = of(Metric::Respond, Kind::Incident);
        let found = vain(
            &HoldsFor::House,
            &[
                any.clone(),
                severe(Severity::High),
                any,
                severe(Severity::High),
            ],
        );
        assert_eq!(
            found,
            [(2, Vain::Shadowed { by: 0 }), (3, Vain::Shadowed { by: 1 })]
        );
    }

    #[test]
    fn what_is_left_for_any_severity_is_nothing_once_all_five_are_named() {
        let mut targets = vec![of(Metric::Respond, Kind::Incident)];
        targets.extend(Severity::ALL.iter().take(4).copied().map(severe));
        assert_eq!(vain(&HoldsFor::House, &targets), []);
        targets.push(severe(Severity::Information));
        assert_eq!(
            vain(&HoldsFor::House, &targets),
            [(0, Vain::Shadowed { by: 1 })]
        );
        // Of one service there is a promise for every severity, of the others there isn't.
        let shop: ServiceId = Id::new(NOW);
        let mut targets = vec![of(Metric::Respond, Kind::Incident)];
        targets.extend(Severity::ALL.iter().map(|severity| Target {
            service: Some(shop),
            ..severe(*severity)
        }));
        assert_eq!(vain(&HoldsFor::House, &targets), []);
    }

    #[test]
    fn what_cannot_happen_to_a_kind_of_ticket_is_no_promise() {
        let (ours, theirs): (CustomerId, CustomerId) = (Id::new(NOW), Id::new(NOW));
        let holds_for = HoldsFor::Customers(vec![ours]);
        let for_customer = |customer| Target {
            customer: Some(customer),
            ..of(Metric::Resolve, Kind::Incident)
        };
        let nothing = Target {
            budget: Budget::Counted { secs: 0 },
            ..of(Metric::Own, Kind::Incident)
        };
        let graded = Target {
            severity: Some(Severity::High),
            ..of(Metric::Resolve, Kind::Task)
        };
        let targets = [
            nothing,
            graded,
            of(Metric::Meeting, Kind::Incident),
            of(Metric::Restore, Kind::Change),
            for_customer(theirs),
            for_customer(ours),
            of(Metric::Meeting, Kind::PostMortem),
            of(Metric::Restore, Kind::Incident),
        ];
        assert_eq!(
            vain(&holds_for, &targets),
            [
                (0, Vain::Nothing),
                (1, Vain::NoSeverity),
                (2, Vain::NoMetric),
                (3, Vain::NoMetric),
                (4, Vain::NotTheirs),
            ]
        );
    }

    #[test]
    fn what_a_vendor_does_out_of_sight_is_no_promise() {
        let by_vendor = |metric| Target {
            promisee: Promisee::Vendor,
            ..of(metric, Kind::Incident)
        };
        let targets = [
            by_vendor(Metric::Respond),
            by_vendor(Metric::Update),
            by_vendor(Metric::Own),
            by_vendor(Metric::Restore),
            by_vendor(Metric::Resolve),
        ];
        let unseen = |place| (place, Vain::Unseen);
        assert_eq!(
            vain(&HoldsFor::House, &targets),
            [unseen(0), unseen(1), unseen(2)]
        );
    }

    #[test]
    fn the_same_promise_to_somebody_else_is_never_counted_and_is_told_apart() {
        let to_customer = of(Metric::Resolve, Kind::Incident);
        let to_ourselves = Target {
            promisee: Promisee::Internal,
            ..to_customer.clone()
        };
        assert_eq!(
            vain(&HoldsFor::House, &[to_customer, to_ourselves]),
            [(1, Vain::OtherAudience { by: 0 })]
        );
    }

    #[test]
    fn the_only_customers_own_promise_leaves_nothing_for_any() {
        let (contoso, northwind): (CustomerId, CustomerId) = (Id::new(NOW), Id::new(NOW));
        let any = of(Metric::Resolve, Kind::Incident);
        let own = Target {
            customer: Some(contoso),
            ..any.clone()
        };
        let targets = [any, own];
        assert_eq!(
            vain(&HoldsFor::Customers(vec![contoso]), &targets),
            [(0, Vain::Shadowed { by: 1 })]
        );
        let both = HoldsFor::Customers(vec![contoso, northwind]);
        assert_eq!(vain(&both, &targets), []);
    }
}
