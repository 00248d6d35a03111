"""The picture of the dashboards in README: real data, drawn outside of any test."""
