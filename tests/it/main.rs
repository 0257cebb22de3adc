//! Stories: what the product promises, told through the real application on both databases.

mod cluster;
mod desk;
mod migrations;
mod oncall;
mod tickets;
mod tidy;
