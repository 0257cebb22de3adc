//! Pages of a list: at most so many items, and where the next page begins.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::value::Number;
use crate::domain::refusal::FieldError;
use crate::error::Result;

/// Items of a page unless the caller says otherwise.
const USUAL: i64 = 50;
pub const MOST: i64 = 200;

/// Which page.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Items of the page, 1 to 200; 50 by default.
    #[param(value_type = Option<i64>)]
    pub limit: Option<Number>,
    /// `next` of the page before.
    pub after: Option<String>,
}

/// How many items the page may have.
pub fn limit(asked: Option<Number>) -> Result<i64> {
    match asked {
        None => Ok(USUAL),
        Some(Number(n)) if (1..=MOST).contains(&n) => Ok(n),
        Some(Number(n)) => Err(FieldError::new("limit", "out-of-range")
            .with("got", n.to_string())
            .with("min", "1")
            .with("max", MOST.to_string())
            .into()),
    }
}

/// A cursor that this list didn't hand out.
pub fn bad_cursor() -> FieldError {
    FieldError::new("after", "not-a-cursor")
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// `after` of the next page; null on the last.
    pub next: Option<String>,
}

impl Paging {
    /// The page of a list that is short enough to be read whole, such as the house's teams. `id` must be unique.
    pub fn cut<T, U>(
        &self,
        all: Vec<T>,
        id: impl Fn(&T) -> String,
        show: impl Fn(T) -> U,
    ) -> Result<Page<U>> {
        let limit = limit(self.limit)? as usize;
        let start = match &self.after {
            None => 0,
            Some(after) => {
                let place = all.iter().position(|item| id(item) == *after);
                place.ok_or_else(bad_cursor)? + 1
            }
        };
        let is_last = all.len() <= start + limit;
        let rest: Vec<T> = all.into_iter().skip(start).take(limit).collect();
        let next = rest.last().filter(|_| !is_last).map(&id);
        Ok(Page {
            items: rest.into_iter().map(show).collect(),
            next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition() {
        let mut paging = Paging {
            limit: Some(Number(2)),
            after: None,
        };
        let mut seen = Vec::new();
        loop {
            let page = paging
                .cut((1..=5).collect(), i32::to_string, |n| n)
                .unwrap();
            seen.extend(page.items);
            match page.next {
                Some(next) => paging.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [1, 2, 3, 4, 5]);
        paging.after = Some("9".to_owned());
        assert!(paging.cut(vec![1], i32::to_string, |n| n).is_err());
        paging.limit = Some(Number(0));
        assert!(paging.cut(vec![1], i32::to_string, |n| n).is_err());
    }
}
