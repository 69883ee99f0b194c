"""Plans and tenants, and every way to change them; each change is audited."""
