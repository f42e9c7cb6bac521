<?php
/** Nothing: see plugins.php. */
