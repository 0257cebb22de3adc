//! Stories: what the product promises, told through the real application on both databases.

mod cluster;
mod desk;
mod migrations;
mod tickets;
mod tidy;
