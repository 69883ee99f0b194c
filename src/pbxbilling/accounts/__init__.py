"""Who may call: plans and tenants, changed by a file or singly, and audited."""
