"""Every real model file that installs here, what its publisher says, and what is made of it."""
