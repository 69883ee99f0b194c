"""What is written on each kind of site: by hand, FreePBX, Wazo, MikoPBX."""
