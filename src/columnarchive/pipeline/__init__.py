"""Operations that combine packages: crawl, derive, import, export, check, withdraw, notify."""
