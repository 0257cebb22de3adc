//! The pages. One file per noun; what several pages show alike lies in `names`, `row`, `tape` and `when`.

pub mod account;
pub mod agreement;
pub mod calendar;
pub mod clock;
pub mod customers;
pub mod home;
pub mod inputs;
pub mod ledger;
pub mod names;
pub mod new;
pub mod night;
pub mod oncall;
pub mod people;
pub mod portal;
pub mod profile;
pub mod queue;
pub mod row;
pub mod services;
pub mod set_up;
pub mod settings;
pub mod tape;
pub mod teams;
pub mod ticket;
pub mod ticket_do;
pub mod ticket_edit;
pub mod when;
